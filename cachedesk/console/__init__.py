"""Helpers that all commands share: signals, output, and files that the user names."""
