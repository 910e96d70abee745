"""Training: the frame of every job, its steps, its checkpoints."""
