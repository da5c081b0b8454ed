"""The agency's own devices at the desk: added with four words, taken away with a name."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.controls import without
from tests.desk.conftest import Desk, Ran, write_passphrase
from tests.desk.terminal import Terminal
from tests.journeys.conftest import PASSPHRASE, QUICK, found
from tests.relay_process import RelayProcess

from quietway import Client
from quietway_desk.naming import call_device

if TYPE_CHECKING:
    from collections.abc import Iterator

ROLE = "--role=shelter_staff"


@dataclass(frozen=True)
class NewComputer:
    """A computer that asked to be let in, and the files of its request and of the answer."""

    desk: Desk
    name: str
    request: str
    offer: str

    def read_words(self) -> str:
        """Read the words that it shows for the last offer."""
        return " ".join(
            Client.read_offer(
                self.desk.home, passphrase=PASSPHRASE, offer=Path(self.offer).read_text("utf-8")
            )
        )


@dataclass(frozen=True)
class Office:
    """An agency with one device, and a drawer of computers that have none yet."""

    folder: Path
    first: Desk

    def ask(self, name: str, *, agency_owned: bool = True) -> NewComputer:
        """Let a new computer ask, at less cost than the desk would ask for."""
        desk = Desk(self.folder / name, self.first.passphrase_file)
        request, offer = (self.folder / f"{name}.{kind}" for kind in ("request", "offer"))
        asked = Client.request_link(
            desk.home, passphrase=PASSPHRASE, agency_owned=agency_owned, parameters=QUICK
        )
        request.write_text(asked.to_text())
        return NewComputer(desk, call_device(asked.device), str(request), str(offer))

    def begin(self, new: NewComputer) -> Ran:
        """Answer a new computer at the desk, with the words that it shows."""
        with Terminal(self.first, "device", "add", new.request, ROLE, "--file", new.offer) as desk:
            desk.read_until("Type the four words")
            desk.type(f"{new.read_words()}\n")
            shown = desk.read_until("They run: quietway device approve")
            return Ran(desk.wait(), shown, shown)

    def link(self, name: str) -> NewComputer:
        """Add a device as the SDK does, and let what all devices share arrive there."""
        new = self.ask(name)
        request = Path(new.request).read_text("utf-8")
        with Client.open(self.first.home, passphrase=PASSPHRASE) as holder:
            offered = holder.devices.offer(request, roles=["shelter_staff"], passphrase=PASSPHRASE)
            holder.devices.confirm(request, offered.offer, passphrase=PASSPHRASE)
            with Client.join(
                new.desk.home,
                passphrase=PASSPHRASE,
                offer=offered.offer,
                words=offered.words,
                parameters=QUICK,
            ) as joined:
                holder.sync()
                joined.sync()
        return new

    def list(self) -> dict[str, dict[str, object]]:
        listed = self.first.run("device", "list", "--json")
        assert listed.returncode == 0, listed.stderr
        return {held["name"]: held for held in json.loads(listed.stdout)}


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    folder = tmp_path_factory.mktemp("office")
    with RelayProcess(folder / "relay") as relay:
        first = Desk(folder / "first", write_passphrase(folder))
        found(relay, first.home, "HARBOR-SHELTER", "shelter_staff").close()
        yield Office(folder, first)


def test_a_device_is_added_given_what_is_open_and_revoked(office: Office) -> None:
    desk = Desk(office.folder / "laptop", office.first.passphrase_file)
    request, offer = (str(office.folder / f"laptop.{kind}") for kind in ("request", "offer"))
    asked = desk.run("device", "request", "--file", request)
    assert asked.returncode == 0, asked.stderr
    name = re.findall(r"This device is called (\w{8})", asked.stderr)[0]
    with Terminal(office.first, "device", "add", request, ROLE, "--file", offer) as holder:
        before = holder.read_until("Type the four words")
        looked = desk.run("device", "join", offer, words="not yet\n")
        words = re.findall(r"Words +(\w+ \w+ \w+ \w+)", looked.stdout)[0]
        holder.type(f"{words}\n")
        after = holder.read_until(f"{name} belongs to the agency now")
        assert holder.wait() == 0
    assert looked.returncode == 1
    # Only what was heard is typed here; the holder's own screen never shows what to type.
    assert words not in before
    assert after.count(words) <= 1
    joined = desk.run("device", "join", offer, words="harbor\n")
    assert joined.returncode == 0, joined.stderr

    given = office.first.run("device", "snapshot", name)
    taken = desk.run("inbox")
    listed = desk.run("device", "list")
    assert (given.returncode, taken.returncode) == (0, 0), given.stderr + taken.stderr
    assert "0 open referrals" in given.stdout
    assert f"{name} (this one)" in listed.stdout
    assert "Shelter staff" in listed.stdout

    mistyped = office.first.run("device", "revoke", name, words="yes\n")
    assert (mistyped.returncode, office.list()[name]["standing"]) == (1, "certified")
    revoked = office.first.run("device", "revoke", name, words=f"{name}\n")
    refused = desk.run("inbox")
    assert revoked.returncode == 0, revoked.stderr
    assert office.list()[name]["standing"] == "revoked"
    assert "not_authenticated" in refused.stderr


def test_other_words_approve_nothing(office: Office) -> None:
    new = office.ask("stranger")
    other = office.first.run("device", "add", new.request, ROLE, words="zebra zebra zebra zebra\n")
    assert other.returncode == 1
    assert "Nothing was approved" in other.stderr
    assert new.name not in office.list()


def test_control_without_comparing_any_words_approve(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    new = office.ask("let in")
    without(monkeypatch, "quietway_desk.commands.linking:_compare", lambda _words: None)
    added = office.first.run("device", "add", new.request, ROLE, "--file", new.offer)
    assert added.returncode == 0, added.stderr
    assert office.list()[new.name]["standing"] == "certified"


def test_a_private_machine_is_let_in_only_where_that_is_said(office: Office) -> None:
    new = office.ask("private", agency_owned=False)
    refused = office.first.run("device", "add", new.request, ROLE)
    assert refused.returncode == 1
    assert "not on a machine of the agency" in refused.stderr


def test_a_request_goes_as_a_picture_too(office: Office) -> None:
    picture = office.folder / "request.png"
    new = office.ask("by picture")
    asked = new.desk.run("device", "request", "--file", str(picture))
    refused = office.first.run(
        "device", "add", "--photo", str(picture), ROLE, words="zoo zoo zoo zoo\n"
    )
    assert asked.returncode == 0, asked.stderr
    assert refused.returncode == 1
    assert "Nothing was approved" in refused.stderr


def test_a_retired_device_is_listed_as_such_and_roles_ask_for_its_name(office: Office) -> None:
    new = office.link("retiring")
    other = ("device", "roles", new.name, ROLE, "--role=supervisor")
    refused = office.first.run(*other, words="no\n")
    changed = office.first.run(*other, words=f"{new.name.upper()}\n")
    assert (refused.returncode, changed.returncode) == (1, 0), changed.stderr
    assert office.list()[new.name]["roles"] == ["shelter_staff", "supervisor"]
    retired = office.first.run("device", "retire", new.name[:5], words=f"{new.name}\n")
    assert retired.returncode == 0, retired.stderr
    assert office.list()[new.name]["standing"] == "retired"


def test_a_name_that_is_short_or_nobodys_is_a_sentence(office: Office) -> None:
    short = office.first.run("device", "revoke", "a")
    unknown = office.first.run("device", "revoke", "zzzzzzzz")
    assert (short.returncode, unknown.returncode) == (2, 1)
    assert "at least 4 characters" in short.stderr
    assert "A device called zzzzzzzz" in unknown.stderr


def test_a_wiped_device_asks_for_its_name_and_its_colleagues_are_told(office: Office) -> None:
    new = office.link("returned")
    kept = new.desk.run("wipe", words="y\n")
    wiped = new.desk.run("wipe", words=f"{new.name}\n")
    assert (kept.returncode, wiped.returncode) == (1, 0), wiped.stderr
    assert "Your ops holders were asked to retire it" in wiped.stdout
    assert not (new.desk.home / "keyring").exists()
    office.first.run("inbox")
    assert office.list()[new.name]["standing"] == "leaving"


def test_permissions_are_reviewed_and_nobody_attests_their_own(office: Office) -> None:
    new = office.link("reviewed")
    (own,) = (name for name, held in office.list().items() if held["this_one"])
    reviewed = office.first.run("agency", "review", "--json")
    attested = office.first.run("agency", "review", "--attest", new.name, words=f"{new.name}\n")
    myself = office.first.run("agency", "review", "--attest", own, words=f"{own}\n")
    again = office.first.run("agency", "review", "--json")
    assert (attested.returncode, myself.returncode) == (0, 1), attested.stderr
    before = {held["name"]: held["attested"] for held in json.loads(reviewed.stdout)}
    after = {held["name"]: held["attested"] for held in json.loads(again.stdout)}
    assert (before[new.name], bool(after[new.name]), after[own]) == ("", True, "")
