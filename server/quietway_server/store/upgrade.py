"""Run the migrations of an older database. Imported only when one needs it.

Rules: a database of a newer relay is refused, never written to. The migrations are named by their
package, so that the relay does not import them.

Spec: docs/decisions/relay-storage.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy.exc import DBAPIError

from quietway_server.errors import StartError
from quietway_server.store.database import find_revision, open_engine

if TYPE_CHECKING:
    from pathlib import Path

    from sqlalchemy import Connection


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a migration: its revision, and what it does in a sentence."""

    revision: str
    meaning: str


def plan(database: Path) -> list[Step]:
    """Say which steps bring a file to the newest version, in order, and do nothing.

    Raises:
        StartError: It can't be opened, or a newer relay wrote it.
    """
    engine = open_engine(database)
    try:
        with engine.begin() as connection:
            revision = find_revision(connection)
    finally:
        engine.dispose()
    return plan_from(revision)


def plan_from(revision: str | None) -> list[Step]:
    """Say which steps lead from a version to the newest, in order.

    Raises:
        StartError: A newer relay wrote it.
    """
    config = alembic_config()
    _check_known(config, revision)
    scripts = ScriptDirectory.from_config(config)
    steps = scripts.iterate_revisions("head", revision or "base")
    return [Step(each.revision, (each.doc or "").strip()) for each in steps][::-1]


def go_back(database: Path, to: str) -> None:
    """Take a file back to an older version, for an older relay, in one transaction.

    Raises:
        StartError: There is no such file or version, it is not older, or a newer relay wrote it.
    """
    if not database.exists():
        raise StartError(f"There is no relay's database at {database}: name it with --database.")
    engine, config = open_engine(database), alembic_config()
    try:
        with engine.begin() as connection:
            _check_known(config, find_revision(connection))
            config.attributes["connection"] = connection
            try:
                command.downgrade(config, to)
            except CommandError:
                raise StartError(
                    f"{to} is no older version of this database: `migrate --check` says which it"
                    " has."
                ) from None
    finally:
        engine.dispose()


def upgrade(connection: Connection) -> None:
    """Migrate the tables to the newest version that this program knows.

    Raises:
        StartError: The tables' version is not one of ours: a newer relay wrote it. Or a step
            failed; then the transaction changes nothing.
    """
    config = alembic_config()
    _check_known(config, find_revision(connection))
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, "head")
    except DBAPIError:
        raise StartError(
            "The database can't be brought to this version, and nothing was changed: make room on"
            " its disk and try again, or go on with the version before this one."
        ) from None


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
