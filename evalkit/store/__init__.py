"""State on disk: files written whole, the journal of outcomes, the cache of answers."""
