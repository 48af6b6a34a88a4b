"""Stores in the memory of this process: for tests, and as the smallest examples of a store."""
