"""Readers of data sets, one module a data set."""
