"""`evalkit refresh`: new samples from production; each step is a file that may be looked at and made again."""
