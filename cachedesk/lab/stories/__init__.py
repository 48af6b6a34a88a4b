"""Failure stories: each plays on the real stack, and ends with a claim in numbers that is checked.

read a file → open an act (a stack of its own) → play its steps → judge it → check the claims
"""
