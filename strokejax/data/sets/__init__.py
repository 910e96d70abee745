"""Readers of published data sets, one a module."""
