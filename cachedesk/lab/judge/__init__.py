"""The judge of a run: what was accepted, and what each key must be worth."""
