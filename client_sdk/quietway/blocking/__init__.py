"""The same public face for programs without an event loop. It blocks, and that is all.

Rules: each method does what its namesake of `AsyncClient` does, with the same arguments, results
and errors; a test holds the two to each other. All clients of a process share one loop in one
thread of its own. Ctrl-C ends the wait and the work that was waited for, and the store stays whole.

Spec: docs/reference/sdk.md.
"""
