"""Swipes over a keyboard to words."""
