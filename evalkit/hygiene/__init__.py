"""Is the evidence itself clean? Overlap between training data and held-out samples."""
