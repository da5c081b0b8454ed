"""How an event ends, and what is learned from it: notes, the closing, the review and its items.

Spec: docs/spec/reviews.md.
"""
