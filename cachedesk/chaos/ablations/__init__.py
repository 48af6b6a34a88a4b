"""Ablations: the parts that replace a safeguard while it is off, one per file. Each works as many
systems in production do, and loses the data that they lose. The stack creates them, and only
``safeguard_switches`` puts them into a composition."""
