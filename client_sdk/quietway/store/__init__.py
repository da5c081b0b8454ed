"""The device's durable memory: rows in transactions, encrypted on the disk or kept in memory.

Imports nothing here: the encrypted store brings SQLAlchemy, and whoever only wants the memory one
need not wait for it.

Spec: docs/spec/relay-protocol.md, "The mailbox".
"""

DATABASE_FILE = "store.db"
"""The encrypted store's own file in a device's folder."""
