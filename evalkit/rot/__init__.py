"""Is a suite still good? Signals of age and drift, and the steps that refresh it from production."""
