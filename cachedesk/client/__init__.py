"""The client of a server: the calls of the library, over its socket."""
