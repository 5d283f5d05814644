"""What an answer costs and how long it takes, per side. Unknown is unknown, never zero."""
