"""Classes and sizes of the published lab of lines (EMNISTLines); numbers only."""

SIZE = 28
"""Pixels of a window, and from one to the next."""
PAD = "<P>"
SPECIAL = ("<B>", "<S>", "<E>", PAD)
"""Classes that are no character: CTC's blank, a text's start and end, and nothing."""
CHARACTERS = (
    *"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz",
    *" !\"#&'()*+,-./:;?",
)
CLASSES = (*SPECIAL, *CHARACTERS)
