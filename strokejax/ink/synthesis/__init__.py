"""Handwriting that is computed, not recorded."""
