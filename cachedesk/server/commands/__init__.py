"""The commands of the server: each a pure function from its arguments to a plan or a reply."""
