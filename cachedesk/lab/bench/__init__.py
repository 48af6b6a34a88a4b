"""The bench: how fast the layer is beside the bare engines under it, and beside what one would put
together instead, in one run on one machine."""
