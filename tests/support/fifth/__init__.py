"""A fifth task, all of it: tells which way curves bend."""
