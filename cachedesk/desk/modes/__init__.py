"""The modes of the desk: a live session, a recording, a story, and serving to a browser."""
