"""Lines of handwriting: pictures to text."""
