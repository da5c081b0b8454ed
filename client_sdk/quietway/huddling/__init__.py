"""Huddles, carried out: read from the store, spoken in, minded by the owner's device.

What counts is said by `quietway.crisis` and `quietway.views.crises`, which ask nobody; here it is
read, and what follows from it is done.

Spec: docs/spec/crises.md.
"""
