"""Single symbols: naming them, learning them, typing with them."""
