"""Hints that a mailbox has grown; truth is in the store.

Spec: docs/spec/relay-protocol.md.
"""
