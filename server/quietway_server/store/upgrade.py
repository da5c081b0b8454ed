"""Run the migrations of an older file. Imported only when a file needs it.

Rules: a file of a newer relay is refused, never written to. The migrations are named by their
package, so that the relay does not import them.

Spec: docs/decisions/relay-storage.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from alembic.util import CommandError

from quietway_server.errors import StartError
from quietway_server.store.database import find_revision

if TYPE_CHECKING:
    from sqlalchemy import Engine


def upgrade(engine: Engine) -> None:
    """Migrate the file to the newest version that this program knows.

    Raises:
        StartError: The file's version is not one of ours: a newer relay wrote it.
    """
    config = alembic_config()
    with engine.begin() as connection:
        _check_known(config, find_revision(connection))
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def alembic_config() -> Config:
    """Give Alembic's settings: where the migrations are, and nothing else."""
    config = Config()
    config.set_main_option("script_location", "quietway_migrations:")
    config.set_main_option("path_separator", "os")
    return config


def _check_known(config: Config, revision: str | None) -> None:
    if revision is None:
        return
    try:
        ScriptDirectory.from_config(config).get_revision(revision)
    except CommandError:
        raise StartError(
            f"The database is of version {revision}, which a newer relay wrote: install that"
            " version or newer, or restore the backup made before it."
        ) from None
