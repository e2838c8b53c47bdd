"""Counts of patients with an outcome: intervals, tables, exact tests."""
