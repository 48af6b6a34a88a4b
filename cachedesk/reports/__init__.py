"""Reports as files: the results of a run, a story, a comparison, a torture or a bench.

report or story → ``document`` (one frozen value, the verdict first) → HTML, Markdown or JSON → file
"""
