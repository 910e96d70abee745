"""The studio's routes for symbols: predict, register, live input, collect, map."""
