"""Fonts: pictures of text to the names of their fonts."""
