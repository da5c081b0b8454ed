"""A device that comes back out of its backup, and an agency that comes back from paper."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from tests.desk.conftest import Desk, write_passphrase
from tests.journeys.conftest import found
from tests.relay_process import RelayProcess

from quietway.rooted import name_custodians, recovery_sheet

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="module")
def relay(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RelayProcess]:
    with RelayProcess(tmp_path_factory.mktemp("recovery") / "relay") as running:
        yield running


def read_words(text: str) -> str:
    return " ".join(re.findall(r"^ ?\d+\. ([a-z]+)$", text, re.MULTILINE))


def test_a_device_is_backed_up_and_comes_back_on_another_machine(
    relay: RelayProcess, tmp_path: Path
) -> None:
    with found(relay, tmp_path / "old", "HARBOR-SHELTER", "shelter_staff") as client:
        device = str(client.device_id)
    passphrase = write_passphrase(tmp_path)
    old, new = Desk(tmp_path / "old", passphrase), Desk(tmp_path / "new", passphrase)

    made = old.run("backup", str(tmp_path / "file"), "--sheet", str(tmp_path / "words.txt"))
    page = old.run("backup", str(tmp_path / "more"), "--sheet", str(tmp_path / "words.html"))
    shown = old.run("backup", str(tmp_path / "again"))
    words = read_words((tmp_path / "words.txt").read_text("utf-8"))
    wrong = new.run("restore", str(tmp_path / "file"), words=read_words(shown.stdout))
    none = new.run("restore", str(tmp_path / "file"))
    back = new.run("restore", str(tmp_path / "file"), words=words + "\n")
    twice = new.run("restore", str(tmp_path / "file"), words=words + "\n")
    elsewhere = old.run("inbox")

    codes = [ran.returncode for ran in (made, page, shown, wrong, none, back, twice)]
    assert codes == [0, 0, 0, 1, 2, 0, 1], back.stderr
    assert len(words.split()) == 24
    assert words.split()[0] not in made.stdout.split()
    assert (tmp_path / "words.html").read_text("utf-8").startswith("<!DOCTYPE html>")
    assert (tmp_path / "words.txt").stat().st_mode & 0o777 == 0o600
    assert "not_opened" in wrong.stderr
    assert "HARBOR-SHELTER is back" in back.stdout
    assert "a backup of this device was restored on another machine" in elsewhere.stderr
    assert device


def test_an_agency_comes_back_by_its_custodians_and_by_its_own_words(
    relay: RelayProcess, tmp_path: Path
) -> None:
    passphrase = write_passphrase(tmp_path)
    homes = [Desk(tmp_path / name, passphrase) for name in ("one", "two", "three")]
    people = [homes[0].run("custodian", "--agency=MERCY") for _ in range(3)]
    keys = [re.search(r"quietway-custodian:\S+", person.stdout) for person in people]
    words = [read_words(person.stdout) for person in people]
    with found(relay, tmp_path / "old", "MERCY-WARD", "shelter_staff") as client:
        agent = client._client._agent
        file = name_custodians(agent, [key[0] for key in keys if key is not None], 2)
        sheet = recovery_sheet(agent)
        fingerprint = client.fingerprint
    (tmp_path / "recovery").write_bytes(file.to_bytes())
    asked = ("agency", "recover", "--relay", relay.url, "--program", "mercy-ward")
    asked = (*asked, "--role=shelter_staff")

    by_two = homes[1].run(
        *asked, "--file", str(tmp_path / "recovery"), words=f"mercy\n{words[2]}\n{words[0]}\n"
    )
    by_sheet = homes[2].run(
        *asked, "--agency-id", str(sheet.agency_id), words="MERCY\n" + " ".join(sheet.words) + "\n"
    )
    yes = homes[0].run(*asked, "--agency-id", str(sheet.agency_id), words="yes\n")
    neither = homes[0].run(*asked)
    missing = homes[0].run(*asked, "--file", str(tmp_path / "nothing"))

    codes = [ran.returncode for ran in (by_two, by_sheet, yes, neither, missing)]
    assert codes == [0, 0, 1, 2, 2], by_two.stderr + by_sheet.stderr
    for back in (by_two, by_sheet):
        assert "MERCY-WARD is back." in back.stdout
        assert fingerprint in back.stdout
    assert all(len(held.split()) == 24 for held in words)
