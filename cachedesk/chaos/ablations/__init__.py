"""What takes a safeguard's place while it is off, one part a file. Each does what many a system
does in production, and loses what such a system loses. The stack makes them,
and ``safeguard_switches`` puts them in."""
