"""Single symbols: recognising them, registering new ones, live input, evaluation."""
