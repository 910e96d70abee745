"""Models on disk: immutable files, versions, and where they lie."""
