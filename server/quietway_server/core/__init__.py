"""Decisions of the relay that need no clock, no randomness and no storage.

Spec: docs/spec/relay-protocol.md.
"""
