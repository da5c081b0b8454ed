"""Views: what the messages add up to, as pure folds over them. Nothing is stored twice.

Spec: schemas/README.md, "Referrals" and "Status indicators".
"""
