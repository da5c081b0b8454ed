"""`quietway guard`: it looks without a device and sends nothing; its lists take a data steward."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest
from tests.client_sdk.cleaning.photographs import take
from tests.controls import without
from tests.desk.conftest import Desk, write_passphrase
from tests.desk.test_howto import PAGES, Page
from tests.journeys.conftest import PASSPHRASE

from quietway import Client, GuardFailed
from quietway.checking import check_text, explain_limits, list_classes

if TYPE_CHECKING:
    from tests.desk.conftest import Street

TOLD: Final = "She is fine.\nShe is at 417 Elm Street now.\n"
OFFICE: Final = "200 Main Street, Suite 4"
NAME: Final = "Juniper Ridge House"
EXERCISE: Final = re.compile(r"^\| (.+) \| `(\w+)` \| (.+) \|$", re.MULTILINE)
NOTE: Final = re.compile(r"`(\w+\.txt)`:\n\n> (.+)\n")


@pytest.fixture
def nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """A computer that is no device, and asks for no passphrase."""
    monkeypatch.chdir(tmp_path)
    return Desk(tmp_path / "home", write_passphrase(tmp_path))


@pytest.mark.requirement("A18")
def test_a_text_is_looked_through_where_no_device_is(
    nobody: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A18: a refusal teaches: the rule, the place in the text, why, and the code instead."""
    found = nobody.run("guard", "check", "-", words=TOLD)
    assert found.returncode == 1, found.stderr
    assert "text 2:11 to 2:24: street.numbered" in found.stdout
    assert "It leads to a door" in found.stdout
    assert "status_indicator/relocation_in_planning" in found.stdout
    assert "417 Elm" not in found.stdout + found.stderr
    spanish = nobody.run("guard", "check", "-", "--language=es", words=TOLD)
    assert "Lleva a una puerta" in spanish.stdout
    (report,) = json.loads(nobody.run("guard", "check", "-", "--json", words=TOLD).stdout)
    (told,) = report["findings"]
    assert (told["line"], told["column"], told["action"]) == (2, 11, "block")
    clean = nobody.run("guard", "check", "-", words="She is fine.")
    assert (clean.returncode, "no proof" in clean.stdout) == (0, True)
    assert list(nobody.home.iterdir()) == []
    without(monkeypatch, "quietway.checking:inspect", lambda *_, **__: ())
    assert nobody.run("guard", "check", "-", words=TOLD).returncode == 0


def test_a_text_that_the_guard_broke_on_was_not_read(
    nobody: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its exit code is none of a text in which something, or nothing, was found."""

    def break_down(*_: object, **__: object) -> tuple[()]:
        raise GuardFailed("street")

    without(monkeypatch, "quietway.checking:inspect", break_down)
    unread = nobody.run("guard", "check", "-", words=TOLD)
    assert (unread.returncode, unread.stdout) == (2, "")
    assert "class street" in unread.stderr
    assert "417 Elm" not in unread.stderr


@pytest.mark.requirement("A26")
def test_a_file_is_looked_through_with_its_name_and_what_it_would_lose(nobody: Desk) -> None:
    """A26: the place in a photograph is told before it is sent."""
    Path("417 Elm Street.jpg").write_bytes(take("JPEG"))
    looked = nobody.run("guard", "check", "417 Elm Street.jpg")
    assert (looked.returncode, "name 1:1" in looked.stdout) == (1, True)
    assert "The place where the picture was taken" in looked.stderr
    Path("note.txt").write_text(TOLD)
    assert "text 2:11" in nobody.run("guard", "check", "note.txt").stdout
    Path("unknown.bin").write_bytes(b"\x00\x01\x02" * 50)
    for file in ("unknown.bin", "missing.txt"):
        refused = nobody.run("guard", "check", file)
        assert (refused.returncode, refused.stdout) == (2, "")
    left = {held.name for held in Path().rglob("*")} - {"home", "passphrase"}
    assert left == {"417 Elm Street.jpg", "note.txt", "unknown.bin"}


@pytest.mark.requirement("A18")
def test_every_rule_is_explained_in_both_languages(nobody: Desk) -> None:
    """A18: each class is listed, each rule teaches, and what no guard catches is said."""
    listed = nobody.run("guard", "explain").stdout
    assert [name for name in list_classes() if f"\n{name}\n" not in f"\n{listed}"] == []
    for language, word in (("en", "door"), ("es", "puerta")):
        taught = nobody.run("guard", "explain", "street.numbered", f"--language={language}")
        assert (taught.returncode, word in taught.stdout) == (0, True)
        assert "Passes" in taught.stdout
        said = nobody.run("guard", "limits", f"--language={language}").stdout
        assert said.split() == explain_limits(language).split()
    assert len(json.loads(nobody.run("guard", "explain", "street", "--json").stdout)) > 1
    assert nobody.run("guard", "explain", "street.nothing").returncode == 1
    assert nobody.run("guard", "explain", "--language=xx").returncode == 2


def test_the_limits_are_said_where_staff_write(nobody: Desk) -> None:
    for command in (("send", "message"), ("send", "referral"), ("referral", "import")):
        assert "no guard catches every" in " ".join(nobody.run(*command, "--help").stdout.split())
    assert "no guard catches" in " ".join(nobody.run("attachment", "send", "--help").stdout.split())


@pytest.mark.requirement("A18")
def test_the_exercises_are_as_the_page_says(nobody: Desk) -> None:
    """A18: a training entry, whose every sentence the guard judges as it stands there."""
    text = (PAGES / "write-without-places.md").read_text("utf-8")
    notes = dict(NOTE.findall(text))
    for name, words in notes.items():
        Path(name).write_text(f"{words}\n")
    page = Page.open("write-without-places", Path())
    found = nobody.run(*page.next())
    assert (found.returncode, "street.numbered" in found.stdout) == (1, True)
    for _ in range(2):
        page.run(nobody)
    assert page.run(nobody).stdout.startswith("Nothing was found.")
    page.run(nobody)
    lists = [page.next(), page.next()]
    assert [words[1:3] for words in lists] == [["allow", "add"], ["deny", "add"]]
    assert "no guard catches everything" in " ".join(page.run(nobody).stdout.split())
    assert not page.commands
    exercises = EXERCISE.findall(text)
    assert len(exercises) > 5
    for written, class_name, better in exercises:
        rules = [held.rule.partition(".")[0] for held in check_text(written).findings]
        assert class_name in rules, written
        assert check_text(better).findings == (), better


@pytest.mark.requirement("A26")
def test_lists_are_read_from_files_and_take_a_data_steward(street: Street, tmp_path: Path) -> None:
    """A26: the agency's own office may be said, and a shelter's name never is."""
    office, names = tmp_path / "office.txt", tmp_path / "names.txt"
    office.write_text(f"{OFFICE}\n")
    names.write_text(f"\n{NAME}\n")
    shelter = street.shelter
    refused = shelter.run("guard", "allow", "add", str(office), "--kind=office")
    assert (refused.returncode, "data_steward" in refused.stderr) == (1, True)
    denied = shelter.run("guard", "deny", "add", str(names), "--kind=shelter")
    assert (denied.returncode, "erase it" in denied.stderr) == (0, True), denied.stderr
    told = shelter.run("send", "message", "--to=MERCY", words=f"She is at {NAME.lower()}.")
    assert (told.returncode, "Nothing was sealed" in told.stderr) == (1, True), told.stderr
    assert shelter.run("guard", "deny", "list").returncode == 1
    with Client.open(shelter.home, passphrase=PASSPHRASE) as client:
        roles = ("data_steward", "shelter_staff")
        client.devices.set_roles(client.device_id, roles, passphrase=PASSPHRASE)
        # While another program has the store open, the rules alone are gone by.
        for words, code in ((TOLD, 1), (f"She is at {NAME}.", 0)):
            looked = shelter.run("guard", "check", "-", words=words)
            assert (looked.returncode, "lists are left out" in looked.stderr) == (code, True)
    assert shelter.run("guard", "check", "-", words=f"She is at {NAME}.").returncode == 1
    assert NAME in shelter.run("guard", "deny", "list").stdout
    said = f"Our office is {OFFICE}."
    assert shelter.run("guard", "check", "-", words=said).returncode == 1
    allowed = shelter.run("guard", "allow", "add", "-", "--kind=office", words=OFFICE)
    assert allowed.returncode == 0, allowed.stderr
    assert shelter.run("guard", "check", "-", words=said).returncode == 0
    assert shelter.run("guard", "check", "-", "--rules-alone", words=said).returncode == 1
    (held,) = json.loads(shelter.run("guard", "allow", "list", "--json").stdout)
    assert (held["phrase"], held["kind"], held["counts"]) == (OFFICE, "office", True)
    assert shelter.run("guard", "allow", "remove", str(office)).returncode == 0
    assert "Nothing is on this list" in shelter.run("guard", "allow", "list").stdout
    office.write_text("Nine to five.\n")
    unfit = shelter.run("guard", "allow", "add", str(office), "--kind=office")
    assert (unfit.returncode, "Line 1 of 1" in unfit.stderr) == (2, True)
    assert "Nine to five" not in unfit.stderr
