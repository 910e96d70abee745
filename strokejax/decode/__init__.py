"""From events of a pen to symbols while the hand still moves, and on to text."""
