"""Synthetic handwriting: letter forms, writers and scribbles."""
