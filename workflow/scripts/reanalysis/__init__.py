"""Reanalysis of published results of small clinical trials."""
