"""The relay: it keeps sealed envelopes until they are fetched, and can read none of them.

Import from the modules; this file imports nothing.

Spec: docs/spec/relay-protocol.md.
"""
