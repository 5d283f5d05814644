"""`evalkit rate`: a page for people, and what they answered taken back."""
