"""Metrics: what is right about one answer. Pure; `registry.build` makes one from a suite's entry.

This package imports nothing heavy by itself, so that reading a suite stays fast: `catalogue` knows the names.
"""
