"""The migrations of the relay's database, run by Alembic.

Rules: a revision that was released is never changed. Each one creates exactly what
`quietway_server.store.tables` says at its time; a test compares the two. They import tables of the
relay nowhere, so that old revisions stay as they were.

Spec: docs/decisions/relay-storage.md.
"""
