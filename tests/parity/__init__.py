"""The same networks, losses and steps in PyTorch, number by number."""
