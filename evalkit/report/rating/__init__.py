"""The blind page on which people compare two answers, and what comes back from it."""
