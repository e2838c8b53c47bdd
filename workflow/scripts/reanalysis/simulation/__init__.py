"""Data sets drawn under printed constraints alone, where no rows were published."""
