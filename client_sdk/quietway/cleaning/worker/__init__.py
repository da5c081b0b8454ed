"""The process that takes files apart: `python -I -m quietway.cleaning.worker`.

Theory of operation: it shuts itself in first, reads one claim and one file from its standard input,
tells the file's kind, imports the one room for it, gives up the right to open anything, and only
then parses. It writes the new file and its answer to standard output, and ends.

Rules: nobody imports this room; it alone decompresses. Sizes are judged before anything is
unpacked. It writes no file, and says nothing but frames.

Spec: docs/spec/cleaning.md, "The process".
"""
