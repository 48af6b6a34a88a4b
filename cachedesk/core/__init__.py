"""Values and contracts: what every other package speaks of. It imports nothing of ours."""
