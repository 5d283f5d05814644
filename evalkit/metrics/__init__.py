"""Metrics: what is right about one answer. Pure; `registry.build` makes one from a suite's entry.

Importing the package costs nothing: `catalogue` knows the names without numpy.
"""
