"""Events that the database refuses are isolated, retried, and applied or buried (promise 7)."""
