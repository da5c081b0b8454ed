"""Drills: scenarios as data, their injects in time, and what they came to. Pure, but for `running`.

Spec: docs/spec/drills.md.
"""
