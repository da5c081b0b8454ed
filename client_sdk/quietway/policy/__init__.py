"""May this be said, to whom? Asked before anything is sealed; pure, without exceptions for anyone.

Spec: docs/spec/policy.md.
"""
