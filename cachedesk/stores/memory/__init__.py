"""Stores in the memory of this process, for tests and as minimal examples of a store."""
