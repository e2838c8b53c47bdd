"""Times to an event: curves, comparisons of curves, Cox models, competing risks."""
