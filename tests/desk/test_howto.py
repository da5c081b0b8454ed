"""The commands of the how-to pages about keys, run as they stand there, in their order.

A page says what is typed and on whose computer; the steps here say who that is, and what is
answered. A command that a page has and no step runs fails the test, and so does the reverse.
"""

from __future__ import annotations

import re
import shlex
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest
from tests.client_sdk.cleaning.pages import write_office_pdf
from tests.desk.conftest import Desk, Ran, Street, write_passphrase
from tests.desk.night import begin_night
from tests.desk.terminal import Terminal
from tests.desk.test_devices import Office
from tests.journeys.conftest import PASSPHRASE, befriend, enroll, found
from tests.relay_process import RelayProcess

from quietway import Client, make_custodian

if TYPE_CHECKING:
    from collections.abc import Iterator

PAGES: Final = Path(__file__).resolve().parents[2] / "docs" / "howto"
COMMAND: Final = re.compile(r"^    quietway (.+)$", re.MULTILINE)


@dataclass
class Page:
    """The commands of a page that are not run yet."""

    commands: deque[str]
    folder: Path
    meant: dict[str, str]

    @classmethod
    def open(cls, name: str, folder: Path, **meant: str) -> Page:
        text = (PAGES / f"{name}.md").read_text("utf-8")
        return cls(deque(COMMAND.findall(text)), folder, meant)

    def next(self) -> list[str]:
        """Give the next command, with what it leaves open filled in."""
        words = shlex.split(self.commands.popleft())
        return [self.meant.get(word, word) for word in words]

    def run(self, desk: Desk, typed: str = "") -> Ran:
        ran = desk.run(*self.next(), words=typed)
        assert ran.returncode == 0, ran.stderr
        return ran


@pytest.fixture
def relay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[RelayProcess]:
    monkeypatch.chdir(tmp_path)
    with RelayProcess(tmp_path / "relay") as running:
        yield running


def open_office(relay: RelayProcess, folder: Path) -> Office:
    first = Desk(folder / "first", write_passphrase(folder))
    found(relay, first.home, "HARBOR-SHELTER", "shelter_staff").close()
    return Office(folder, first)


def read_words(sheet: Path) -> str:
    return " ".join(re.findall(r"<li>([a-z]+)(?=<)", sheet.read_text("utf-8"))[:24])


def write_custodians(*names: str) -> dict[str, str]:
    made = {name: make_custodian() for name in names}
    for name, custodian in made.items():
        Path(f"{name}.custodian").write_text(custodian.key)
    return {name: " ".join(custodian.words) for name, custodian in made.items()}


def test_an_agency_is_founded_as_the_page_says(relay: RelayProcess, tmp_path: Path) -> None:
    page = Page.open("found-an-agency", tmp_path, **{"https://relay.example.org": relay.url})
    (tmp_path / "code.txt").write_text(enroll(relay))
    office = Office(tmp_path, Desk(tmp_path / "first", write_passphrase(tmp_path)))
    page.run(office.first)
    page.run(office.first)
    words = read_words(tmp_path / "root.html")
    page.run(office.first, f"HARBOR\n{words}\n")
    page.run(office.first)
    write_custodians("ben", "cleo")
    page.run(office.first, f"{words}\n")
    maria = office.link("maria")
    page.run(maria.desk)
    assert "Ops holders: 2" in page.run(office.first, f"{words}\n").stdout
    office.first.run(*page.next())
    assert not page.commands


def test_a_colleague_is_added_as_the_page_says(relay: RelayProcess, tmp_path: Path) -> None:
    office = open_office(relay, tmp_path)
    second, new = office.link("second"), Desk(tmp_path / "new", office.first.passphrase_file)
    Path("line").write_text(second.desk.run("agency", "ops", "request").stdout)
    assert office.first.run("agency", "ops", "add", "line").returncode == 0
    page = Page.open("add-a-colleague", tmp_path)
    name = re.findall(r"is called (\w{8})", page.run(new).stderr)[0]
    page.meant["DEVICE"] = name
    add, join = page.next(), page.next()
    with Terminal(office.first, *add) as holder:
        holder.read_until("Type the four words")
        looked = new.run(*join, words="not yet\n")
        words = re.findall(r"Words +(\w+ \w+ \w+ \w+)", looked.stdout)[0]
        holder.type(f"{words}\n")
        holder.read_until("They run: quietway device approve")
        assert holder.wait() == 0
    assert f"{name} waits for another approval" in page.run(second.desk).stdout
    page.run(second.desk, f"{words}\n")
    assert new.run(*join, words="HARBOR\n").returncode == 0
    page.run(office.first)
    page.run(second.desk)
    assert not page.commands


def test_on_call_is_set_up_as_the_page_says(relay: RelayProcess, tmp_path: Path) -> None:
    first = Desk(tmp_path / "first", write_passphrase(tmp_path))
    with found(relay, first.home, "HARBOR-SHELTER", "on_call_lead") as client:
        mine = str(client.device_id).removeprefix("dev_")[:8]
    second = Office(tmp_path, first).link("second")
    page = Page.open("set-up-on-call", tmp_path, DEVICE=second.name)
    page.run(first, f"{second.name}\n")
    page.run(first)
    named = iter((mine, second.name, second.name, mine))
    filled = re.sub(
        r'^(primary|backup)(.*)"DEVICE"',
        lambda found: f'{found[1]}{found[2]}"{next(named)}"',
        Path("rota.toml").read_text("utf-8"),
        flags=re.MULTILINE,
    )
    Path("rota.toml").write_text(filled)
    ran = page.run(first)
    assert "It counts from now on" in ran.stdout
    assert "GAP" not in ran.stderr
    assert f"{second.name} (HARBOR-SHELTER)" in page.run(first).stdout
    assert "None in the next 30 days" in page.run(first).stdout
    offered = page.run(first)
    page.meant["ID"] = re.findall(r"^(\w{8}): .*is offered", offered.stdout, re.MULTILINE)[0]
    assert "It counts now" in page.run(second.desk).stdout
    assert "as primary" in page.run(second.desk).stdout
    page.run(first)
    calendar = Path("on-call.ics").read_text("utf-8")
    assert "BEGIN:VTIMEZONE" in calendar
    assert "HARBOR-SHELTER" in calendar
    assert not page.commands


def test_a_lost_laptop_is_replaced_as_the_page_says(relay: RelayProcess, tmp_path: Path) -> None:
    office = open_office(relay, tmp_path)
    lost = office.link("lost")
    Path("line").write_text(lost.desk.run("agency", "ops", "request").stdout)
    assert office.first.run("agency", "ops", "add", "line", "--approvals=1").returncode == 0
    page = Page.open("replace-a-lost-laptop", tmp_path, DEVICE=lost.name)
    assert lost.name in page.run(office.first).stdout
    page.run(office.first, f"{lost.name}\n")
    keys = re.findall(r"^([0-9a-f]{8})$", page.run(office.first).stdout, re.MULTILINE)
    assert len(keys) == 2
    asked = lost.desk.run("agency", "ops", "request")
    page.meant["KEY"] = re.findall(r"is called (\w{8})", asked.stderr)[0]
    assert "Ops holders: 1" in page.run(office.first, f"{page.meant['KEY']}\n").stdout
    backup = office.first.run("backup", "harbor.backup", "--sheet", "backup.html")
    assert backup.returncode == 0, backup.stderr
    another = Desk(tmp_path / "another", office.first.passphrase_file)
    page.run(another, f"{read_words(tmp_path / 'backup.html')}\n")
    assert not page.commands


def test_an_agency_is_recovered_as_the_page_says(relay: RelayProcess, tmp_path: Path) -> None:
    office = open_office(relay, tmp_path)
    words = write_custodians("ana", "ben")
    with Client.open(office.first.home, passphrase=PASSPHRASE) as client:
        sheet = client.agency.recovery_sheet(passphrase=PASSPHRASE)
        keys = [Path(f"{name}.custodian").read_text("utf-8") for name in words]
        file = client.agency.name_custodians(keys, 2, passphrase=PASSPHRASE)
    Path("harbor.recovery").write_bytes(file.to_bytes())
    page = Page.open(
        "recover-an-agency",
        tmp_path,
        AGENCY=str(sheet.agency_id),
        **{"https://relay.example.org": relay.url},
    )
    by_sheet = Desk(tmp_path / "by sheet", office.first.passphrase_file)
    by_people = Desk(tmp_path / "by people", office.first.passphrase_file)
    page.run(by_sheet, f"HARBOR\n{' '.join(sheet.words)}\n")
    page.run(by_people, f"HARBOR\n{words['ben']}\n{words['ana']}\n")
    page.run(by_people)
    by_people.run(*page.next())
    assert "not_authenticated" in by_sheet.run("inbox").stderr
    assert not page.commands


def test_a_partner_is_paused_as_the_page_says(relay: RelayProcess, tmp_path: Path) -> None:
    file = write_passphrase(tmp_path)
    shelter, hospital = Desk(tmp_path / "harbor", file), Desk(tmp_path / "mercy", file)
    with (
        found(relay, shelter.home, "HARBOR-SHELTER", "shelter_staff") as one,
        found(relay, hospital.home, "MERCY-SOCIALWORK", "hospital_social_worker") as other,
    ):
        befriend(one, other)
    words = "Interpreter arranged for the morning."
    page = Page.open("pause-a-partner", tmp_path)
    send = ("send", "message", "--to", "MERCY")
    assert shelter.run(*send, words=words).returncode == 0
    paused = page.run(shelter)
    assert "MERCY: PAUSED" in paused.stdout
    assert "Taken back before they fetched it: 1 copy." in paused.stdout
    refused = shelter.run(*send, words="Another one.")
    assert refused.returncode != 0
    assert "partner resume MERCY" in refused.stderr
    assert "your agency has paused this partner" in shelter.run("outbox").stdout
    assert words not in hospital.run("inbox").stdout
    asked = hospital.run("send", "message", "--to", "HARBOR", words="Anybody there?")
    assert "they may have paused: phone them" in asked.stdout
    assert "MERCY: shared with again" in page.run(shelter).stdout
    assert words in hospital.run("inbox").stdout
    assert "MERCY: ENDED" in page.run(shelter).stdout
    assert "ended sharing" in shelter.run("partner", "resume", "MERCY").stderr
    assert "MERCY: shared with again" in page.run(shelter).stdout
    assert shelter.run(*send, words="To the wrong place.").returncode == 0
    listed = shelter.run("outbox").stdout.splitlines()[-1]
    page.meant["ID"] = re.findall(r"  ([0-9a-f]{8})  ", listed)[0]
    assert "1 of 1 copy taken back." in page.run(shelter).stdout
    assert "taken back; it reaches nobody" in shelter.run("outbox").stdout
    assert not page.commands


def test_a_file_is_sent_as_the_page_says(
    street: Street, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("plan.pdf").write_bytes(write_office_pdf())
    Path("received").mkdir()
    page = Page.open("send-a-file", tmp_path)
    assert "Removed from the file" in page.run(street.shelter).stderr
    assert "at the relay" in page.run(street.shelter).stdout
    listed = page.run(street.hospital).stdout
    page.meant["MESSAGE"] = re.findall(r"msg_[a-z2-7]{26}", listed)[0]
    page.run(street.hospital)
    fetched = Path("received/plan.pdf").read_bytes()
    assert fetched.startswith(b"%PDF-")
    assert fetched != Path("plan.pdf").read_bytes()
    page.run(street.shelter)
    again = street.hospital.run("attachment", "fetch", page.meant["MESSAGE"])
    assert (again.returncode, "does not have this file any more" in again.stderr) == (1, True)
    assert not page.commands


@pytest.mark.requirement("B17")
def test_an_alert_is_answered_as_the_page_says(relay: RelayProcess, tmp_path: Path) -> None:
    """B17: usable under pressure: look, say whether one has it, find out whether it is true."""
    night = begin_night(relay, tmp_path, agencies=("shelter", "hospital"))
    name = night.raise_alert()
    page = Page.open("answer-an-alert", tmp_path, ALERT=name)
    assert f"quietway alert claim {name}" in page.run(night.primary).stdout
    page.run(night.primary)
    page.run(night.primary)
    assert "It has to be taken there." in page.run(night.primary).stderr
    page.run(night.primary)
    assert "Say no name and no place" in page.run(night.primary).stdout
    assert "It is now: Corroborated." in page.run(night.primary).stdout
    assert "The event is called" in page.run(night.primary).stdout
    assert "A medical emergency" in page.run(night.shelter).stdout
    assert not page.commands
