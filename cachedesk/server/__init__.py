"""The server: one process has the stack, and many others use it by the Redis protocol."""
