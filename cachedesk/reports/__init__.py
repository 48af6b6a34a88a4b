"""Reports as files: what a run came to, for whoever was not there.

report or story → ``document`` (one frozen value, the verdict first) → HTML, Markdown or JSON → file
"""
