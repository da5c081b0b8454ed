"""The agency at the desk: its root on paper, its custodians, and two who decide together."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest
from tests.controls import without
from tests.desk.conftest import Desk, write_passphrase
from tests.desk.test_devices import Office
from tests.journeys.conftest import enroll, found
from tests.relay_process import RelayProcess

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NEW_PASSPHRASE = "seven lanterns over quiet water again"


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    folder = tmp_path_factory.mktemp("agency")
    with RelayProcess(folder / "relay") as relay:
        first = Desk(folder / "first", write_passphrase(folder))
        found(relay, first.home, "HARBOR-SHELTER", "shelter_staff").close()
        yield Office(folder, first)


def read_sheet(file: Path) -> str:
    return " ".join(re.findall(r"^ ?\d+\. ([a-z]+)$", file.read_text("utf-8"), re.MULTILINE))


def test_the_root_goes_to_paper_and_is_destroyed_here_once_it_was_read_back(
    office: Office,
) -> None:
    desk, sheet = office.first, office.folder / "root.txt"
    shown = desk.run("agency", "words", "--sheet", str(sheet))
    words = read_sheet(sheet)
    assert (shown.returncode, len(words.split())) == (0, 24), shown.stderr
    assert words.split()[0] not in shown.stdout.split() + shown.stderr.split()
    assert sheet.stat().st_mode & 0o777 == 0o600

    wrong = desk.run("agency", "secure", words=f"HARBOR\n{' '.join(reversed(words.split()))}\n")
    again = desk.run("agency", "secure", words=f"yes\n{words}\n")
    assert (wrong.returncode, again.returncode) == (1, 1)
    assert words.split()[0] not in wrong.stderr.split()
    assert desk.run("agency", "words", "--sheet", str(office.folder / "more.txt")).returncode == 0

    secured = desk.run("agency", "secure", words=f"harbor\n{words}\n")
    assert secured.returncode == 0, secured.stderr
    after = desk.run("agency", "words", "--sheet", str(office.folder / "third.txt"))
    assert "It is on paper, as it should be" in after.stdout
    assert not (office.folder / "third.txt").exists()

    # From here on what only the root can do asks for the paper.
    files = []
    for name in ("ana", "ben", "cleo"):
        file = office.folder / f"{name}.custodian"
        made = desk.run("custodian", "--agency=harbor", "--key-file", str(file))
        assert made.returncode == 0, made.stderr
        assert file.read_text("utf-8").startswith("quietway-custodian:")
        files += ["--custodian", str(file)]
    out = office.folder / "harbor.recovery"
    asked = ("agency", "custodians", *files, "--threshold=2", "--out", str(out))
    refused = desk.run(*asked, words=f"{'zoo ' * 24}\n")
    named = desk.run(*asked, words=f"{words}\n")
    assert (refused.returncode, named.returncode) == (1, 0), named.stderr
    assert json.loads(out.read_bytes())["threshold"] == 2


def test_two_ops_holders_decide_together_and_one_may_take_away(
    office: Office, tmp_path: Path
) -> None:
    desk = Desk(tmp_path / "first", office.first.passphrase_file)
    with RelayProcess(tmp_path / "relay") as relay:
        found(relay, desk.home, "MERCY-WARD", "shelter_staff").close()
        ward = Office(tmp_path, desk)
        second = ward.link("second")
        line = tmp_path / "maria.ops"
        asked = second.desk.run("agency", "ops", "request", "--file", str(line))
        assert asked.returncode == 0, asked.stderr
        key = re.findall(r"This key is called (\w{8})", asked.stderr)[0]
        added = desk.run("agency", "ops", "add", str(line), "--approvals=2")
        assert added.returncode == 0, added.stderr
        assert "Ops holders: 2. A new device takes 2 of them." in added.stdout
        assert second.desk.run("inbox").returncode == 0

        third = ward.ask("third")
        begun = ward.begin(third)
        assert begun.returncode == 0, begun.stderr
        assert "waits for another ops holder" in begun.stdout
        assert third.name not in ward.list()
        words = third.read_words()
        other = second.desk.run("device", "approve", third.name, words="zoo zoo zoo zoo\n")
        agreed = second.desk.run("device", "approve", third.name, words=f"{words}\n")
        assert (other.returncode, agreed.returncode) == (1, 0), agreed.stderr
        assert ward.list()[third.name]["standing"] == "certified"

        listed = desk.run("agency", "ops", "list", "--json")
        assert {held["name"] for held in json.loads(listed.stdout)} > {key}
        removed = desk.run("agency", "ops", "remove", key, words=f"{key}\n")
        assert removed.returncode == 0, removed.stderr
        assert "Ops holders: 1" in removed.stdout


def test_a_passphrase_is_changed_and_a_guessable_one_is_refused_with_the_reason(
    office: Office, tmp_path: Path
) -> None:
    new = office.link("changing")
    (tmp_path / "weak").write_text("passwordpassword\n")
    (tmp_path / "strong").write_text(f"{NEW_PASSPHRASE}\n")
    weak = new.desk.run("passphrase", "change", "--new-file", str(tmp_path / "weak"))
    changed = new.desk.run("passphrase", "change", "--new-file", str(tmp_path / "strong"))
    former = new.desk.run("outbox")
    now = new.desk.run("outbox", QUIETWAY_PASSPHRASE_FILE=str(tmp_path / "strong"))
    assert (weak.returncode, changed.returncode) == (1, 0), weak.stderr + changed.stderr
    assert (former.returncode, now.returncode) == (1, 0)
    assert NEW_PASSPHRASE not in changed.stdout + changed.stderr


def test_a_locked_device_deletes_what_is_due_without_a_passphrase(office: Office) -> None:
    swept = office.first.run("lock", QUIETWAY_PASSPHRASE_FILE="/nowhere/at/all")
    assert swept.returncode == 0, swept.stderr
    assert "Keys deleted: 0." in swept.stdout


def test_a_new_device_is_told_to_every_other_until_somebody_has_looked(office: Office) -> None:
    watching = office.link("watching")
    watching.desk.run("device", "list")
    new = office.link("newcomer")
    told = watching.desk.run("inbox")
    again = watching.desk.run("inbox")
    watching.desk.run("device", "list")
    quiet = watching.desk.run("inbox")
    for ran in (told, again):
        assert f"new: {new.name}" in ran.stderr
        assert "call your ops holders now" in ran.stderr
    assert "devices have changed" not in quiet.stderr


def test_control_a_device_whose_changes_are_not_kept_says_nothing(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def forget(_store: object) -> list[object]:
        return []

    watching = office.link("blind")
    new = office.link("unseen")
    without(monkeypatch, "quietway.own.devices:list_changes", forget)
    assert new.name not in watching.desk.run("inbox").stderr


def test_an_agency_is_founded_as_with_init(tmp_path: Path) -> None:
    desk = Desk(tmp_path / "harbor", write_passphrase(tmp_path))
    with RelayProcess(tmp_path / "relay") as relay:
        founded = desk.run(
            "agency",
            "found",
            f"--relay={relay.url}",
            "--agency=HARBOR",
            "--program=HARBOR-SHELTER",
            "--role=shelter_staff",
            "--enrolment-file=-",
            words=enroll(relay),
        )
    assert founded.returncode == 0, founded.stderr
    assert "quietway agency words" in founded.stdout
