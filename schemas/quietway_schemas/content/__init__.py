"""What agencies say to each other: one file per family of types, and a registry of all of them.

The relay never imports this package. This file stays without imports.

Spec: docs/spec/envelope.md, "Content: canonical JSON".
"""
