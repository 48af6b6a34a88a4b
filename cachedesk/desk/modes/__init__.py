"""What the desk is opened over: a live session, a recording, a story, a browser."""
