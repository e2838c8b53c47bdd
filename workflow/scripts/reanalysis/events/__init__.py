"""Events that come again: rates, counts before and after, recurrent events."""
