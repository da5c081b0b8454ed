"""What a file says besides what it shows is removed before the file is sealed.

Theory of operation: the file is read once and piped to a process of its own, which has no
environment, opens nothing once it has begun to read, and has limits of memory and time. There it is
taken apart and written anew from what can be seen. Only the new bytes come back, with codes that
say what was removed, and with the words the file shows, for the guard to read. What can't be
cleaned is refused with the reason.

Rules: this process never parses a file. What the other one answers is judged like a stranger's.

Spec: docs/spec/cleaning.md.
"""
