"""Events that the database refuses: isolated, tried, and decided (promise 7)."""
