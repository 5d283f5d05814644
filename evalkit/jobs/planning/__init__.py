"""`evalkit plan`: what a run would ask, take and be able to decide."""
