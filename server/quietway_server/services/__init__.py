"""What the relay does, one room per matter, on the ports alone.

Spec: docs/spec/relay-protocol.md.
"""
