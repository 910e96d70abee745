"""Models on disk: immutable files, versions, and their folders."""
