"""What both ends run, without I/O: mailbox session, request signature, the proof of a manifest.

Import from the modules; this file imports nothing.

Spec: docs/spec/relay-protocol.md; docs/spec/keys.md.
"""
