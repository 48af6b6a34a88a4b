"""Programs that the bench starts as separate processes."""
