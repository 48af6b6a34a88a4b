"""What the screens show, as pure functions of a snapshot."""
