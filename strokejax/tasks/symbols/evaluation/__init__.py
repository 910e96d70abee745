"""Evaluation: accuracy of a model, and how well it learns new symbols."""
