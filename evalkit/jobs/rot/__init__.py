"""`evalkit rot`: whether production has moved away from a suite."""
