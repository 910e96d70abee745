"""Networks as pairs of pure functions, and the inputs that they take."""
