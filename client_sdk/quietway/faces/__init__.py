"""The faces of the client, one file for each: partners, referrals, status, messages.

Each is a thin turn of phrase over `speaking` and the views. Content is built here, so a program
gives fields and codes, and gets a sentence back when the dictionary refuses one.

Spec: docs/reference/sdk.md.
"""
