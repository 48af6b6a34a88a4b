"""The system of record: an SQLite database."""
