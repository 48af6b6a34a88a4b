"""The engine: the cache layer, its read and write paths, and its worker. It uses the stores only
through their ports."""
