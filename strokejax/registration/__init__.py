"""Symbols that a user adds to a stored model."""
