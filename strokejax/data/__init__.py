"""Readers of data sets, one a module, and the list of what training never sees."""
