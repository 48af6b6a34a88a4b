"""The command line: each command reads its options, calls another package, and prints."""
