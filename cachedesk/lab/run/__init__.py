"""One run: a session with its load and faults, observations of it, and its report."""
