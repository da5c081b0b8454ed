"""The way to a real relay: HTTPS requests, a websocket for the mailbox, polling where none passes.

Imports nothing here: the network libraries load when a relay is first asked for.

Spec: docs/spec/relay-protocol.md.
"""
