"""The studio: an HTTP server for a model, and the shell of its page."""
