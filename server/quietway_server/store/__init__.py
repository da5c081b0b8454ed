"""Where the relay keeps its rows: SQLite, or memory.

Spec: docs/spec/relay-protocol.md.
"""
