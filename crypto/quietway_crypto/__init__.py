"""Bytes in, bytes out: sealing, signing, hashing and key derivation of quietway.

A pure room: no clock, no network, no files, no ids. Whoever calls brings the time and the
randomness. This file imports nothing, so that a program which may verify but not open (the relay)
loads no module that opens.

Spec: docs/spec/envelope.md
"""
