"""The steps of a run: paths and values in, one job, whole files out."""
