"""Recordings: every snapshot of a source written to a file, to be looked at again later.

``recorder`` writes, ``recording_file`` reads and ``player`` plays; ``frames`` is the file's outer
form and ``delta`` the inner one. What was recorded is what is played, to the last bit.
"""
