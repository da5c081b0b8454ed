"""Alerts: who is called one after the other, who says that they have it, and who waits for that.

Here is what a device does about them: seals a ladder and hands it over, claims, declines, releases,
hands off, pages its human, waits for an answer, verifies. What all that was said of an alert comes
to is a view's affair.

Spec: docs/spec/alerts.md.
"""
