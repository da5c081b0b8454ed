"""The log's key, and which files a relay starts on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from bench.long_log import fill, make_leaf
from tests.controls import without
from tests.server.logs import begin, draw, settings_in

from quietway_crypto.encoding import encode_base64
from quietway_crypto.signing import SigningKey
from quietway_protocol.checkpoints import read_checkpoint
from quietway_protocol.errors import CheckpointRefusedError
from quietway_server.__main__ import main
from quietway_server.bootstrap import find_log_key, open_store
from quietway_server.errors import StartError
from quietway_server.services.log import append_leaf
from quietway_server.services.log_start import start_log
from quietway_server.store.log_key import open_log_key

if TYPE_CHECKING:
    from pathlib import Path

    from quietway_server.settings import Settings

OTHER = SigningKey(b"o" * 32)


@pytest.fixture
def signed_log(tmp_path: Path) -> Settings:
    """The files of a relay whose log has three leaves."""
    settings = settings_in(tmp_path)
    store = open_store(settings)
    fill(store, find_log_key(settings, store), 3)
    store.close()
    return settings


def test_a_relay_with_leaves_does_not_start_without_its_key(signed_log: Settings) -> None:
    begin(signed_log)
    line = signed_log.log_key.read_bytes()
    signed_log.log_key.unlink()
    with pytest.raises(StartError, match=r"is missing.*put the file back"):
        begin(signed_log)
    assert not signed_log.log_key.exists()
    for broken in (b"", line.strip(), line + b"\n", line[:20], line.replace(b"\n", b"=\n")):
        signed_log.log_key.write_bytes(broken)
        with pytest.raises(StartError, match="holds no log key"):
            begin(signed_log)
    signed_log.log_key.write_bytes(line)
    begin(signed_log)


def _put_another_key(settings: Settings) -> bytes:
    settings.log_key.write_bytes(f"{encode_base64(b'o' * 32)}\n".encode("ascii"))
    return OTHER.public


def test_a_relay_with_another_key_does_not_start(signed_log: Settings) -> None:
    _put_another_key(signed_log)
    with pytest.raises(StartError, match="not the one that signed this relay's log"):
        begin(signed_log)


def test_control_without_that_check_readers_are_shown_another_log(
    signed_log: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    pinned = open_log_key(signed_log.log_key, may_make=False).public
    _put_another_key(signed_log)
    without(monkeypatch, "quietway_server.services.log_start:_check_key", lambda *_: None)
    without(monkeypatch, "quietway_server.services.log:check_own", lambda *_: None)
    store = open_store(signed_log)
    key = find_log_key(signed_log, store)
    start_log(store, key, draw)
    with store.writing() as transaction:
        append_leaf(transaction, key, make_leaf(3))
        head = transaction.find_log_head()
    store.close()
    assert head is not None
    with pytest.raises(CheckpointRefusedError, match="another_log"):
        read_checkpoint(head.checkpoint, pinned)


def test_a_key_is_made_once_while_the_log_is_empty(tmp_path: Path) -> None:
    settings = settings_in(tmp_path, log_key=str(tmp_path / "elsewhere"))
    begin(settings)
    line = settings.log_key.read_bytes()
    begin(settings)
    assert settings.log_key.read_bytes() == line
    assert sorted(path.name for path in tmp_path.glob("elsewhere*")) == ["elsewhere"]
    settings.log_key.unlink()
    begin(settings)
    assert settings.log_key.read_bytes() != line


def test_a_place_where_no_key_can_be_written_is_told(tmp_path: Path) -> None:
    with pytest.raises(StartError, match="can't be written"):
        open_log_key(tmp_path / "missing" / "key", may_make=True)
    with pytest.raises(StartError, match="can't be read"):
        open_log_key(tmp_path, may_make=True)


@pytest.mark.parametrize(
    "damage",
    [
        "DELETE FROM log_leaves WHERE position = 2",
        "UPDATE log_leaves SET leaf_hash = zeroblob(32) WHERE position = 2",
        "UPDATE log_nodes SET hash = zeroblob(32)",
        "UPDATE log_head SET size = 2",
        "UPDATE log_head SET size = 0",
        "DELETE FROM log_head",
        "UPDATE log_head SET root = zeroblob(32)",
        "UPDATE log_leaves SET position = 7 WHERE position = 0",
    ],
)
def test_a_damaged_log_is_not_gone_on_with(signed_log: Settings, damage: str) -> None:
    store = open_store(signed_log)
    key = find_log_key(signed_log, store)
    with store.writing() as transaction:
        transaction._connection.exec_driver_sql(damage)
    with pytest.raises(StartError, match="damaged"):
        start_log(store, key, draw)
    store.close()


def test_control_without_looking_a_damaged_log_would_be_started(
    signed_log: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The book would tell too, where the leaf that is gone is its last one.
    for check in ("_check_tree", "_check_shared"):
        without(monkeypatch, f"quietway_server.services.log_start:{check}", lambda *_: None)
    store = open_store(signed_log)
    with store.writing() as transaction:
        transaction._connection.exec_driver_sql("DELETE FROM log_leaves WHERE position = 2")
    start_log(store, find_log_key(signed_log, store), draw)
    store.close()


def test_the_command_prints_the_public_key_that_pages_name(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--database", str(tmp_path / "relay.db")]
    assert main(["migrate", *options]) == 0
    capsys.readouterr()
    assert main(["log-key", *options]) == 0
    first = capsys.readouterr()
    assert main(["log-key", *options]) == 0
    assert capsys.readouterr().out == first.out
    settings = settings_in(tmp_path)
    relay_key = open_log_key(settings.log_key, may_make=False)
    assert first.out == f"{encode_base64(relay_key.public)}\n"
    assert str(settings.log_key) in first.err
    assert settings.log_key.read_text(encoding="ascii").strip() not in first.out + first.err


def test_the_command_makes_no_key_for_a_database_that_is_not_there(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    missing = tmp_path / "typo" / "relay.db"
    assert main(["log-key", "--database", str(missing)]) != 0
    told = capsys.readouterr()
    assert told.out == ""
    assert "--database" in told.err
    assert not missing.parent.exists()
