"""strokejax names what a hand draws, and learns a new stroke from ten examples."""

__version__ = "0.1.0"
