"""The studio: a server that names, learns and collects strokes, and its pages."""
