"""The bench: the speed of the layer compared with the bare engines under it and with alternatives,
in one run on one machine."""
