"""How well a model names symbols, and learns new ones."""
