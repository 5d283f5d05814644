"""Intervals, tests and sample sizes, each from a named paper. Shares in [-1, 1] go in and come out."""
