"""`quietway-relay migrate`: bring the database to this version, or say what that would do.

Rules: all steps are one transaction: a machine that dies in the middle leaves the database as it
was. A database of a newer relay is never touched.

Spec: docs/reference/operating.md, "Upgrade".
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from quietway_server.bootstrap import inspect_store, make_folder, open_store
from quietway_server.errors import StartError
from quietway_server.store.ownership import own
from quietway_server.store.upgrade import go_back, plan, plan_from

if TYPE_CHECKING:
    from quietway_server.settings import Settings
    from quietway_server.store.upgrade import Step


def migrate(settings: Settings, *, checks_only: bool, to: str | None) -> int:
    """Migrate; give the exit status: with `checks_only` 1 where there is something to do.

    Args:
        settings: The settings.
        checks_only: Whether to say what would be done, and do nothing.
        to: The older version to go back to; None for the newest.

    Raises:
        StartError: It can't be done; the sentence says what to do.
    """
    if checks_only and to is not None:
        raise StartError("--check and --to can't be given together: choose one.")
    if settings.postgres:
        return _migrate_postgres(settings, checks_only=checks_only, to=to)
    if checks_only and not settings.database.exists():
        raise StartError(
            f"There is no relay's database at {settings.database}: name it with --database."
        )
    if checks_only:
        return _tell(settings, plan(settings.database))
    make_folder(settings)
    with own(settings.database):
        if to is None:
            open_store(settings).close()
        else:
            go_back(settings.database, to)
    shown = "this version" if to is None else f"version {to}: install the relay that made it"
    sys.stdout.write(f"quietway-relay: {settings.database} is of {shown}\n")
    return 0


def _migrate_postgres(settings: Settings, *, checks_only: bool, to: str | None) -> int:
    if checks_only:
        return _tell(settings, plan_from(inspect_store(settings).revision))
    if to is not None:
        raise StartError(
            "A PostgreSQL database is not taken back step by step: stop every relay, put back the"
            " copy that pg_dump made before the upgrade, run `quietway-relay restore` without a"
            " file, and install the older relay."
        )
    open_store(settings).close()
    return _tell(settings, [])


def _tell(settings: Settings, steps: list[Step]) -> int:
    for step in steps:
        sys.stdout.write(f"{step.revision}: {step.meaning}\n")
    found = "lacks the steps above" if steps else "is of this version"
    sys.stdout.write(f"quietway-relay: {settings.shown_database} {found}\n")
    return 1 if steps else 0
