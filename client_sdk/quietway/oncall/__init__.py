"""On call: who is reached first, second, third and last, when something can't wait.

Spec: docs/spec/on-call.md.
"""
