"""Telling somebody outside that there is something: mail, webhooks, and nothing of what it is.

Spec: docs/spec/wake-ups.md, "What is sent".
"""
