"""Files on this machine that the embedded stores share: the data directory and SQLite files."""
