"""What a figure shows of an analysis, in words and numbers: a module per figure."""
