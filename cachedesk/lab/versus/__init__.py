"""Two stacks under the same traffic, side by side: what one setting or safeguard is worth.

``--versus`` texts → two setups → a process each → a pair: one source, one control, one driver

Each side is a process of its own, so that neither slows the other down through the interpreter's
lock and a side that is killed leaves the other running. The operations are drawn once, in the
parent, and each is sent to both sides or to neither.
"""
