"""Going back to a relay that knows no ladders: what is held goes out, because it never would."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlcipher3.dbapi2
from alembic import command
from tests.server.on_call import LADDER, open_on_call

from quietway_server.store import database
from quietway_server.store.sqlite import SqliteStore
from quietway_server.store.upgrade import alembic_config

if TYPE_CHECKING:
    from pathlib import Path


async def test_going_back_lets_go_of_all_that_is_held(tmp_path: Path) -> None:
    path = tmp_path / "r.db"
    store = SqliteStore(path)
    async with open_on_call(store) as on_call:
        sealed = await on_call.place()
    store.close()
    engine, config = database.open_engine(path), alembic_config()
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, "0004")
    engine.dispose()
    file = sqlcipher3.dbapi2.connect(str(path))
    found = file.execute("SELECT envelope_id FROM flash_envelopes").fetchall()
    numbers = file.execute("SELECT latest_seq, waiting FROM mailboxes").fetchall()
    file.close()
    assert {name for (name,) in found} == {name for names in sealed.names for name in names}
    assert numbers == [(1, 1)] * len(LADDER)
