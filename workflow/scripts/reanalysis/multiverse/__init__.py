"""Every combination of choices of one analysis, held against what was printed."""
