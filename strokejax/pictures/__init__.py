"""Pictures in files, normalised, and the lines of text that stand in them."""
