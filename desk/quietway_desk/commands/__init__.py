"""One file for each command, named like it.

A command reads its options, asks the SDK, and shows the answer. It decides nothing that another
partner app would have to decide again: such a rule belongs into the SDK.

Spec: docs/reference/desk.md.
"""
