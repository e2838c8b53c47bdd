"""Documents of a run to carry away: Word, PDF, slides, a workbook, numbered figures."""
