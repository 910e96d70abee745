"""One module a command: its help, its options, and what it does with them."""
