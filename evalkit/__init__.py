"""evalkit decides whether a fine-tuned model is worth shipping."""

__version__ = "0.1.0"
