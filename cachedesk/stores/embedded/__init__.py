"""The three embedded stores, together in one data directory."""
