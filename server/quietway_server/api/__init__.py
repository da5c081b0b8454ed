"""The relay's surface: HTTP and websockets, bounded and answered in one form.

Spec: docs/spec/relay-protocol.md.
"""
