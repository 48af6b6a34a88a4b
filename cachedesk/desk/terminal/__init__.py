"""The terminal under the desk: start, signals, its state given back at the end."""
