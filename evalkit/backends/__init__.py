"""Ways to a model: each backend lives in its own module and is imported where it is made."""
