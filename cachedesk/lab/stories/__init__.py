"""Failure stories: each runs on the real stack, and ends with claims in figures that are checked.

read a file → open an act (with its own stack) → play its steps → judge it → check the claims
"""
