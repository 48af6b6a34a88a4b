"""What is done to a data directory that no process uses."""
