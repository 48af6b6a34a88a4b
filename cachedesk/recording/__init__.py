"""Recordings: every snapshot of a source, written to a file for later playback.

``recorder`` writes, ``recording_file`` reads and ``player`` plays; ``frames`` is the framing of
the file and ``delta`` the encoding of snapshots. Playback returns exactly what was recorded.
"""
