"""The core idea: a table with one row a symbol, and the nearest rows as the answer."""
