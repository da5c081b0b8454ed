"""The relay as the release after this one: the same program, with one migration more.

    python -m tests.faults.next_release serve ...

It stands in for a program that does not exist yet, so that an upgrade and a way back can be made
under traffic. With `WITHOUT_TRANSACTION` set it is the control: each statement of the migration is
committed by itself, so that a kill in the middle leaves half of it.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

import quietway_migrations
from quietway_server.__main__ import main
from quietway_server.store import database, upgrade

if TYPE_CHECKING:
    from alembic.config import Config
    from sqlalchemy import Connection

NEXT: Final = "9001"
HALVES: Final = "WITHOUT_TRANSACTION"
_VERSIONS: Final = Path(__file__).with_name("versions")
_product_config = upgrade.alembic_config


def next_config() -> Config:
    """Give the product's settings, with one folder of migrations more."""
    config = _product_config()
    product = Path(str(quietway_migrations.__file__)).with_name("versions")
    config.set_main_option("version_locations", f"{product}{os.pathsep}{_VERSIONS}")
    return config


def upgrade_in_halves(connection: Connection) -> None:
    """Do the first half of the migration, commit it, and die."""
    connection.exec_driver_sql("CREATE TABLE of_tomorrow (mailbox BLOB PRIMARY KEY)")
    connection.exec_driver_sql("COMMIT")
    os._exit(9)


def become_next() -> None:
    """Alter this process into the next release."""
    database.PRODUCT_HEAD = database.HEAD  # type: ignore[attr-defined]  # for the migration's eyes
    database.HEAD = NEXT  # type: ignore[misc]  # in this process alone
    upgrade.alembic_config = next_config
    if os.environ.get(HALVES):
        upgrade.upgrade = upgrade_in_halves


if __name__ == "__main__":
    become_next()
    sys.exit(main())
