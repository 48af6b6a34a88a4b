"""The panels of the desk: one file for each, and the registry that lists them."""
