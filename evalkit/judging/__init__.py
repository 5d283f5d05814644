"""Judges: a rubric and a model that grades by it, read, asked, probed and measured against people."""
