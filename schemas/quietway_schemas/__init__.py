"""What is said: envelopes, the directory, frames, problems, code lists and content, as types.

This package knows shapes and limits, and nothing else: it seals nothing, sends nothing, stores
nothing, and asks neither the clock nor the system for anything. It imports neither
`quietway_crypto` nor anything above itself. This file stays without imports, so that the relay can
use `envelope` without ever loading `content`.

Spec: docs/spec/envelope.md.
"""
