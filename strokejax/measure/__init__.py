"""The headline figures of a model, on drawings that training never saw."""
