"""Crises, as pure rules: who takes part, who leads, whom to call next, what a summary says.

Rules: a huddle's members are what one device's chain of statements says, and nobody else's word.
Clock and randomness are arguments.

Spec: docs/spec/crises.md.
"""
