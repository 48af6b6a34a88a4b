"""The backlog: what the log holds and the rows do not yet, indexed, counted and limited."""
