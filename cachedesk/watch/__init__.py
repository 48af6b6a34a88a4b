"""What can be told of a server that is only watched: pure analysis, and the loop that looks."""
