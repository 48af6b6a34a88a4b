"""The terminal below the desk: starting, signals, and restoring its state at the end."""
