"""Method families: one module each, with `estimate` and `figure_data`."""
