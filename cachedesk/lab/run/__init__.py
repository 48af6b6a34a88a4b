"""One run: a session with its load and faults, what was seen of it, its report."""
