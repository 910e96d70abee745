"""Data sets in memory, their batches, and the list of what is held out of training."""
