"""Networks as pairs of pure functions, and what each takes in."""
