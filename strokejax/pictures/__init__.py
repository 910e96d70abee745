"""Picture files, normalisation, and the lines of text in a picture."""
