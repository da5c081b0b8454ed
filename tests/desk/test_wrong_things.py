"""What is named wrongly at the desk: the wrong file, a device that is not there, twice the same."""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING

import pytest
from tests.controls import without
from tests.desk.conftest import Desk, write_passphrase
from tests.desk.terminal import Terminal
from tests.desk.test_howto import Page, open_office, read_words
from tests.journeys.conftest import PASSPHRASE, QUICK
from tests.relay_process import RelayProcess

from quietway import Client
from quietway_desk import session
from quietway_desk.naming import find_named
from quietway_desk.refusals import NotListed
from quietway_desk.running import NOT_TAKEN

if TYPE_CHECKING:
    from pathlib import Path

WRONG = "quietway-invite:1.nothing"
READERS = (
    (["device", "add", "FILE", "--role=shelter_staff"], "quietway-device:"),
    (["device", "join", "FILE"], "quietway-offer:"),
    (["agency", "ops", "add", "FILE"], "quietway-ops:"),
    (
        ["agency", "custodians", "--custodian=FILE", "--threshold=1", "--out=harbor.recovery"],
        "quietway-custodian:",
    ),
)


@pytest.mark.parametrize(("command", "begins"), READERS)
def test_a_wrong_file_is_refused_before_anything_is_asked(
    command: list[str], begins: str, tmp_path: Path
) -> None:
    wrong = tmp_path / "wrong"
    wrong.write_text(WRONG)
    desk = Desk(tmp_path / "store", write_passphrase(tmp_path))

    ran = desk.run(*(word.replace("FILE", str(wrong)) for word in command))

    assert ran.returncode == NOT_TAKEN
    assert f"begins with {begins}" in ran.stderr
    assert WRONG not in ran.stderr


def test_what_is_not_there_is_listed_by_a_command_that_lists_it() -> None:
    with pytest.raises(NotListed, match="quietway device list"):
        find_named("kx3v7q2a", [])


def test_a_program_of_another_agency_is_told_before_a_passphrase_is_chosen(tmp_path: Path) -> None:
    desk = Desk(tmp_path / "store", tmp_path / "no passphrase")

    ran = desk.run(
        "agency",
        "found",
        "--relay=http://127.0.0.1:1",
        "--agency=HARBOR",
        "--program=MERCY-SHELTER",
        "--role=shelter_staff",
    )

    assert ran.returncode == NOT_TAKEN
    assert "begins with your agency's code" in ran.stderr
    assert not desk.home.exists()


def test_who_has_asked_to_be_let_in_is_not_told_to_found_an_agency(tmp_path: Path) -> None:
    desk = Desk(tmp_path / "store", write_passphrase(tmp_path))
    Client.request_link(desk.home, passphrase=PASSPHRASE, agency_owned=True, parameters=QUICK)

    for command in (["doctor"], ["inbox"], ["backup", str(tmp_path)]):
        ran = desk.run(*command)
        assert ran.returncode == 1
        assert "quietway device join" in ran.stderr
    again = desk.run("device", "request")
    assert again.returncode == 0
    assert "asked before" in again.stderr


def test_a_backup_that_is_not_there_is_missed_before_its_words_are_asked_for(
    tmp_path: Path,
) -> None:
    ran = Desk(tmp_path / "store", write_passphrase(tmp_path)).run("restore", "no such file")
    assert ran.returncode == NOT_TAKEN
    assert "no such file" in ran.stderr


def test_ones_own_doing_is_no_alarm_and_nobody_revokes_the_device_they_sit_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with RelayProcess(tmp_path / "relay") as relay:
        office = open_office(relay, tmp_path)
        lost, other = office.link("lost"), office.link("other")
        office.first.run("device", "list")
        (own,) = (name for name, held in office.list().items() if held["this_one"])

        itself = office.first.run("device", "revoke", own, words=f"{own}\n")
        assert itself.returncode == NOT_TAKEN
        assert "quietway wipe" in itself.stderr

        revoked = office.first.run("device", "revoke", lost.name, words=f"{lost.name}\n")
        assert revoked.returncode == 0
        assert "have changed" not in revoked.stderr + office.first.run("inbox").stderr
        assert "ask an ops holder" in lost.desk.run("inbox").stderr

        without(
            monkeypatch,
            "quietway_desk.commands.device:hand_over",
            lambda client, own=None: session.talk(client),  # noqa: ARG005 - the control's own
        )
        office.first.run("device", "retire", other.name, words=f"{other.name}\n")
        assert "have changed" in office.first.run("inbox").stderr


def test_a_device_is_not_said_to_be_revoked_while_the_relay_is_out_of_reach(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with RelayProcess(tmp_path / "relay") as relay:
        office = open_office(relay, tmp_path)
        lost = office.link("lost")
        relay.kill()
        revoke = ("device", "revoke", lost.name)
        refused = office.first.run(*revoke, words=f"{lost.name}\n")
        assert refused.returncode == 1
        assert "NOT revoked" in refused.stderr.splitlines()[-1]
        with monkeypatch.context() as patch:
            without(
                patch, "quietway_desk.commands.device:needing_relay", lambda _told: nullcontext()
            )
            control = office.first.run(*revoke, words=f"{lost.name}\n")
            assert "NOT revoked" not in control.stderr
        relay.start()
        assert office.first.run(*revoke, words=f"{lost.name}\n").returncode == 0
        lost.desk.run("inbox")
        told = lost.desk.run("doctor")
        assert told.returncode == 1
        assert "lets this device in no more" in told.stdout


def test_the_page_about_a_lost_machine_is_run_as_it_stands_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with RelayProcess(tmp_path / "relay") as relay:
        office = open_office(relay, tmp_path)
        stick = tmp_path / "stick"
        stick.mkdir()
        page = Page.open(
            "prepare-for-a-lost-machine",
            tmp_path,
            **{"/media/stick": str(stick), "https://relay.example.org": relay.url},
        )
        page.run(office.first)
        (made,) = stick.iterdir()
        page.meant["/media/stick/k3f7q2mzt5xw6b4a"] = str(made)
        other = Desk(tmp_path / "other", office.first.passphrase_file)
        restored = page.run(other, f"{read_words(tmp_path / 'words.html')}\n")
        assert "A backup holds no ops key" in restored.stderr

        page.run(other)
        words = read_words(tmp_path / "my-words.html")
        with Client.open(office.first.home, passphrase=PASSPHRASE) as client:
            key = (tmp_path / "ana.custodian").read_text("utf-8").strip()
            file = client.agency.name_custodians([key], 1, passphrase=PASSPHRASE)
        (tmp_path / "harbor.recovery").write_bytes(file.to_bytes())
        page.run(Desk(tmp_path / "back", office.first.passphrase_file), f"HARBOR\n{words}\n")
        assert not page.commands


def test_what_was_founded_stands_on_lines_of_its_own(tmp_path: Path) -> None:
    with RelayProcess(tmp_path / "relay") as relay:
        desk = Desk(tmp_path / "store", write_passphrase(tmp_path))
        code = tmp_path / "code"
        code.write_text(relay.enroll())
        names = ("--agency=HARBOR", "--program=HARBOR-SHELTER", "--role=shelter_staff")
        found = ("agency", "found", f"--relay={relay.url}", *names, f"--enrolment-file={code}")
        with Terminal(desk, *found) as shown:
            screen = shown.read_until("is founded.")
            assert shown.wait() == 0
        # The turning line is taken off the screen before anything is said.
        line = screen.splitlines()[-1]
        assert "Making keys" not in line.rpartition("\x1b[2K")[2]
