"""What every command shares: signals, output, and files that the user names."""
