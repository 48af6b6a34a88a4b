"""The cache layer: its paths, its order of writes, its worker. It knows ports, not engines."""
