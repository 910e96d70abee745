"""Symbols while the hand still draws."""
