"""`quietway log` over real relays: an old copy that was put back and went on proves itself."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.desk.conftest import Desk, write_passphrase
from tests.desk.test_howto import Page
from tests.journeys.conftest import found
from tests.relay_process import RelayProcess

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def office(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    """An agency that saw a log of two entries; its relay has another of that size now."""
    monkeypatch.chdir(tmp_path)
    desk = Desk(tmp_path / "first", write_passphrase(tmp_path))
    with RelayProcess(tmp_path / "relay") as relay:
        found(relay, desk.home, "HARBOR-SHELTER", "shelter_staff").close()
        relay.stop()
        shutil.copytree(relay.folder, tmp_path / "backup")
        relay.restart()
        found(relay, tmp_path / "second", "MERCY-SOCIALWORK", "hospital_social_worker").close()
        assert desk.run("inbox").returncode == 0
        relay.stop()
        shutil.rmtree(relay.folder)
        shutil.copytree(tmp_path / "backup", relay.folder)
        relay.restart()
        found(relay, tmp_path / "other", "CITYPD-LIAISON", "police_liaison").close()
        yield desk


def test_a_fork_is_proved_as_the_page_says(office: Desk, tmp_path: Path) -> None:
    told = office.run("inbox").stderr
    assert "shows 2 that do not continue them" in " ".join(told.split())
    assert "has shown two different directories" in " ".join(told.split())
    page = Page.open("audit-the-log", tmp_path)
    shown = page.run(office)
    assert "2 entries" in shown.stdout
    assert "Alarms" in shown.stdout
    page.run(office)
    elsewhere = Desk(tmp_path / "nowhere", office.passphrase_file)
    verified = page.run(elsewhere)
    assert "can't both be true" in " ".join(verified.stdout.split())
    page.run(office)
    assert not page.commands
    (standing,) = json.loads(office.run("log", "show", "--json").stdout)
    assert standing["alarms"] == []
    assert standing["words"] in " ".join(verified.stdout.split())
    _alter_and_verify(elsewhere, Path("fork.json"))


def _alter_and_verify(desk: Desk, proof: Path) -> None:
    raw = proof.read_bytes()
    Path("altered.json").write_bytes(raw[:40] + bytes([raw[40] ^ 1]) + raw[41:])
    refused = desk.run("log", "verify", "altered.json")
    assert refused.returncode == 1
    assert "This file proves nothing." in refused.stderr
    assert desk.run("log", "verify", "not there").returncode == 2


def test_where_nothing_is_wrong_there_is_nothing_to_export(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    desk = Desk(tmp_path / "first", write_passphrase(tmp_path))
    with RelayProcess(tmp_path / "relay") as relay:
        found(relay, desk.home, "HARBOR-SHELTER", "shelter_staff").close()
        assert "none" in desk.run("log", "show").stdout
        assert desk.run("log", "export", "fork.json").returncode == 1
        assert not Path("fork.json").exists()
        assert "There was no alarm." in desk.run("log", "acknowledge").stdout
