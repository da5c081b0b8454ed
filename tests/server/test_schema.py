"""What the relay keeps, as tables, migrations and files say it."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import sqlcipher3.dbapi2
from sqlalchemy import Engine, create_engine, text
from tests.controls import without

from quietway_schemas.envelope import EnvelopeClass
from quietway_server.errors import StartError
from quietway_server.store import database, tables
from quietway_server.store.sqlite import SqliteStore
from quietway_server.store.upgrade import alembic_config, upgrade

if TYPE_CHECKING:
    from collections.abc import Iterator

LOCK = Path(tables.__file__).with_name("metadata.lock")
ALLOWED = {
    "accepted_ms", "acknowledged_seq", "after_ms", "age_ms", "agency", "agency_code", "attempt",
    "blob", "body_hash", "cancel_hash", "change", "charged_bytes", "checkpoint", "chunk", "device",
    "digest", "due_ms", "due_second", "envelope_id", "epoch", "expires_minute", "hash", "id",
    "identity_key", "issued", "kind", "ladder", "latest_change", "latest_seq", "leaf_hash", "level",
    "listen_key", "mailbox", "manifest_hash", "nonce", "number", "opening_hash", "over_minute",
    "payload", "position", "record_hash", "released", "root", "root_key", "sealed", "seq",
    "signature", "size", "stored_bytes", "suite", "taken", "tier", "total_bytes", "used", "version",
    "waiting", "wake_id", "week", "withdraw_hash", "witness", "witness_changed", "writer_hash",
}  # fmt: skip


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    made = database.open_engine(tmp_path / "migrated.db")
    yield made
    made.dispose()


def _schema(path: Path) -> list[tuple[str, str]]:
    connection = sqlcipher3.dbapi2.connect(str(path))
    try:
        rows = connection.execute(
            "SELECT name, sql FROM sqlite_master WHERE name NOT LIKE '%alembic%'"
            " AND name NOT LIKE 'sqlite_%'"
        ).fetchall()
    finally:
        connection.close()
    return sorted((name, " ".join(sql.split())) for name, sql in rows)


@pytest.mark.requirement("D01")
def test_no_table_has_a_column_for_plaintext_or_for_who_came() -> None:
    """D01: the relay stores sealed envelopes and routing metadata only; no plaintext column."""
    columns = {column.name for table in tables.metadata.tables.values() for column in table.columns}
    assert columns == ALLOWED
    for table in tables.ENVELOPE_TABLES.values():
        assert "sender" not in table.columns
        assert "agency" not in table.columns


def test_metadata_lock_is_exactly_what_the_tables_say() -> None:
    assert LOCK.read_text(encoding="utf-8") == tables.render_lock()


def test_every_column_says_why_it_is_there_and_how_long() -> None:
    for table in tables.metadata.tables.values():
        for column in table.columns:
            assert column.comment, column
            assert column.info["kept"], column


def test_the_migrations_make_exactly_the_tables(engine: Engine, tmp_path: Path) -> None:
    with engine.begin() as connection:
        upgrade(connection)
    engine.dispose()
    SqliteStore(tmp_path / "made.db").close()
    assert _schema(tmp_path / "migrated.db") == _schema(tmp_path / "made.db")


def test_the_newest_migration_is_the_one_that_the_relay_knows(engine: Engine) -> None:
    with engine.begin() as connection:
        upgrade(connection)
    with engine.connect() as connection:
        assert database.find_revision(connection) == database.HEAD
    assert alembic_config().get_main_option("script_location") == "quietway_migrations:"


def test_a_migrated_file_is_opened_as_it_is(engine: Engine, tmp_path: Path) -> None:
    with engine.begin() as connection:
        upgrade(connection)
    engine.dispose()
    store = SqliteStore(tmp_path / "migrated.db")
    with store.reading() as transaction:
        assert transaction.feed_after(0, 1, soft_bytes=1) == []
    store.close()


def test_an_old_sqlite_is_refused() -> None:
    database._check_version((3, 51, 3))
    with pytest.raises(StartError, match=r"SQLite 3\.51\.2 can corrupt"):
        database._check_version((3, 51, 2))


def test_each_setting_that_durability_stands_on_is_read_back(tmp_path: Path) -> None:
    path = tmp_path / "r.db"
    SqliteStore(path).close()
    plain = create_engine(f"sqlite:///{path}", module=sqlcipher3.dbapi2)
    with plain.connect() as connection:
        for name, value in (("synchronous", "NORMAL"), ("secure_delete", "OFF")):
            connection.execute(text("PRAGMA synchronous=FULL"))
            connection.execute(text("PRAGMA secure_delete=ON"))
            database.check_settings(connection)
            connection.execute(text(f"PRAGMA {name}={value}"))
            with pytest.raises(StartError, match=name):
                database.check_settings(connection)
    plain.dispose()


def test_without_reading_back_a_lax_setting_would_pass(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control: with neither setting nor reading back, a relay would start on a lax file."""
    without(monkeypatch, "quietway_server.store.database:_settle", lambda *_: None)
    with pytest.raises(StartError):
        database.open_engine(tmp_path / "r.db")
    without(monkeypatch, "quietway_server.store.database:check_settings", lambda _: None)
    engine = database.open_engine(tmp_path / "r.db")
    with engine.connect() as connection:
        assert connection.execute(text("PRAGMA journal_mode")).scalar() == "delete"
    engine.dispose()


def test_rows_of_one_commit_lie_in_a_random_order(tmp_path: Path) -> None:
    from tests.contracts import test_relay_store as contract  # noqa: PLC0415, its builders

    store = SqliteStore(tmp_path / "r.db")
    with store.writing() as transaction:
        transaction.replace_manifest(contract._manifest(1), [contract.DEVICE])
        transaction.append([contract._arrival(seq) for seq in range(1, 41)])
    store.close()
    connection = sqlcipher3.dbapi2.connect(str(tmp_path / "r.db"))
    stored = [seq for (seq,) in connection.execute("SELECT seq FROM flash_envelopes ORDER BY id")]
    connection.close()
    assert sorted(stored) == list(range(1, 41))
    assert stored != sorted(stored)


def test_every_class_has_one_table_of_one_row_size() -> None:
    assert set(tables.ENVELOPE_TABLES) == set(EnvelopeClass)
    assert importlib.util.find_spec("quietway_migrations.versions") is not None
