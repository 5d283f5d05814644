"""Judges at work: within a run, probed, and measured against people."""
