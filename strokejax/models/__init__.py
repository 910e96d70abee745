"""Networks: Flax Linen lives here only and leaves as pairs of pure functions."""
