"""The judge of a run: which writes were accepted, and the value that each key must have."""
