"""`evalkit init`: ready-made suites and guards, written into a folder."""
