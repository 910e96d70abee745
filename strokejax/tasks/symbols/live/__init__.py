"""Live input: symbols recognised while they are drawn."""
