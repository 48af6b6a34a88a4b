"""The rooms of the desk, each with its stylesheet beside it."""
