"""A recording, played again: the same wire, marked, from the log instead of the host."""
