"""Patients rebuilt from published survival curves: readings, paths, members."""
