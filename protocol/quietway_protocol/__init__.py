"""What both ends of a connection run, without I/O: mailbox session and request signature.

Import from the modules; this file imports nothing.

Spec: docs/spec/relay-protocol.md.
"""
