"""Films: a recording as one page that plays by itself, offline.

recording → ``scene`` (what a screen says of one snapshot) → ``collecting`` (columns over time) →
``page`` (one HTML page with its data, its style and its script)
"""
