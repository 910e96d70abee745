"""Training jobs: from a config to a run on disk, its report and its model."""
