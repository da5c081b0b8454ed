"""How Alembic reaches the database: over the connection that the relay hands in.

Spec: docs/decisions/relay-storage.md.
"""

from __future__ import annotations

from alembic import context

from quietway_server.store.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    transactional_ddl=True,
    compare_type=True,
)
context.run_migrations()
