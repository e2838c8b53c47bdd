"""Measured values: ranks, means, courses over time, regression."""
