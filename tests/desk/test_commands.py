"""The desk's commands as people run them: processes, against a real relay."""

from __future__ import annotations

import hashlib
import json
import os
import pty
import re
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

from tests.desk.conftest import Desk, Street, command, write_passphrase
from tests.desk.terminal import Terminal, read_until
from tests.journeys.conftest import PASSPHRASE, enroll
from tests.relay_process import RelayProcess

from quietway import Client

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

REFERRAL = (
    "send",
    "referral",
    "--to=HARBOR",
    "--staff=Social work desk",
    "--contact=Line 2040",
    "--purpose=safe_accommodation",
    "--basis=client_interview",
    "--referred-by=healthcare",
    "--choice=chosen",
)
INTERRUPT_LOADING = """
import os, signal, sys
class Impatient:
    @staticmethod
    def find_spec(name, path=None, target=None):
        if name == "{module}":
            os.kill(os.getpid(), signal.SIGINT)
sys.meta_path.insert(0, Impatient)
from quietway_desk.__main__ import main
main()
"""
WORDS = "A place from tonight."


def digest(home: Path) -> dict[str, str]:
    return {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in home.iterdir()
        if path.name != "lock"
    }


def test_a_referral_goes_out_is_read_and_is_answered_at_two_desks(street: Street) -> None:
    sent = street.hospital.run_apart(*REFERRAL, "--service=safehouse", words=WORDS)
    read = street.shelter.run("inbox")
    reference = re.search(r"Its reference: (ref_[a-z2-7]{26})", sent.stderr)
    assert reference is not None
    answered = street.shelter.run("send", "answer", reference[1], "--state=accepted")
    listed = street.hospital.run("inbox", "--json")

    assert (sent.returncode, read.returncode, answered.returncode) == (0, 0, 0), sent.stderr
    assert "delivered to the relay" in sent.stdout
    for shown in ("Safe house or shelter", WORDS, "Line 2040", "Through a contact"):
        assert shown in read.stdout
    assert "safehouse" not in read.stdout
    contents = [held["content"] for held in json.loads(listed.stdout)]
    assert [held["state"] for held in contents if held["type"] == "referral.ack"] == ["accepted"]


def test_a_real_request_of_another_system_is_sent_and_what_stays_behind_is_named(
    street: Street, shared: Callable[[str], Path]
) -> None:
    named = shared("samples/gravity/SDOHCC-ServiceRequest-HungerVitalSign-Example-1.json")
    closed = shared("samples/fhir-r4/ServiceRequest-example.json")

    sent = street.hospital.run(*REFERRAL, "--from-fhir", str(named), words=WORDS)
    refused = street.hospital.run(*REFERRAL, "--from-fhir", str(closed), words=WORDS)
    read = street.shelter.run("inbox")

    assert (sent.returncode, refused.returncode) == (0, 2)
    assert "subject.display" in sent.stderr
    assert "not_open (field: status)" in refused.stderr
    assert "Emergency assistance" in read.stdout
    assert "ABBAS" not in sent.stdout + sent.stderr + read.stdout


def test_without_the_relay_words_are_kept_and_go_out_with_the_next_command(
    street: Street,
) -> None:
    street.relay.kill()
    offline = street.shelter.run("send", "message", "--to=MERCY", words="Are you there?")
    ailing = street.shelter.run("doctor")
    street.relay.restart()
    street.shelter.run("inbox")
    read = street.hospital.run("inbox")

    assert offline.returncode == 0
    assert "NOT YET SENT" in offline.stdout
    assert "The relay cannot be reached. What you wrote is kept" in offline.stderr
    assert ailing.returncode == 1
    assert "LOOK  relay and clock" in ailing.stdout
    assert "Are you there?" in read.stdout


def test_a_wrong_passphrase_is_a_sentence_and_changes_nothing(
    street: Street, tmp_path: Path
) -> None:
    wrong = tmp_path / "wrong"
    wrong.write_text("not the passphrase of this store\n")
    before = digest(street.shelter.home)

    refused = street.shelter.run("inbox", QUIETWAY_PASSPHRASE_FILE=str(wrong))

    assert (refused.returncode, refused.stdout) == (1, "")
    assert "That passphrase does not open this keyring. Try again" in refused.stderr
    assert "not the passphrase" not in refused.stderr
    assert digest(street.shelter.home) == before


def test_a_store_that_another_program_has_open_is_left_alone(street: Street) -> None:
    with Client.open(street.shelter.home, passphrase=PASSPHRASE):
        refused = street.shelter.run_apart("inbox")

    assert refused.returncode == 1
    assert "Another quietway program on this machine has the store open" in refused.stderr


def test_words_that_are_too_long_or_no_text_are_refused_with_a_sentence(street: Street) -> None:
    long = street.hospital.run(*REFERRAL, "--service=safehouse", words="x" * 300)
    broken = street.hospital.run("send", "message", "--to=HARBOR", words="\udcff\udcfe")

    assert (long.returncode, broken.returncode) == (1, 2)
    assert "Nothing was done: " in long.stderr
    assert "purpose_text" in long.stderr
    assert "could not be read as UTF-8" in broken.stderr


def test_a_partner_is_found_in_small_letters_and_an_unknown_one_is_told_from_the_known(
    street: Street,
) -> None:
    found = street.hospital.run("send", "message", "--to=harbor", words="In small letters.")
    unknown = street.hospital.run("send", "message", "--to=NOBODY", words="To nobody.")

    assert found.returncode == 0, found.stderr
    assert unknown.returncode == 1
    assert "The partners of this agency: HARBOR." in unknown.stderr


def test_a_reader_that_goes_away_ends_the_command_without_a_trace(street: Street) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    ended = subprocess.run(
        command("inbox", "--offline"),
        env=street.shelter.environment(),
        stdin=subprocess.DEVNULL,
        stdout=writing,
        stderr=subprocess.PIPE,
        timeout=60,
        check=False,
    )
    os.close(writing)

    assert (ended.returncode, ended.stderr) == (141, b"")


def test_what_is_written_with_json_is_json_and_nothing_else(street: Street) -> None:
    asked = (("inbox",), ("outbox",), ("status", "board"), ("partner", "list"), ("doctor",))
    ran = [street.shelter.run(*names, "--json") for names in asked]

    assert all(isinstance(json.loads(each.stdout), list) for each in ran)


def test_questions_are_answered_by_number_and_ctrl_d_ends_them_calmly(street: Street) -> None:
    asked = ("send", "referral", "--to=HARBOR", "--staff=Desk", "--contact=2040")
    with Terminal(street.hospital, *asked) as terminal:
        for question in ("Which service?", "What is it for?", "Where is this known from?"):
            terminal.answer(question, "99\n")
            terminal.answer("Type a number from 1 to", "1\n")
        terminal.answer("Who referred?", "1\n")
        terminal.answer("What did the survivor choose?", "1\n")
        terminal.answer("name nobody and no place", "A place, in my own words.\n\x04")
        terminal.read_until("delivered to the relay")
        assert terminal.wait() == 0

    with Terminal(street.hospital, *asked) as terminal:
        terminal.answer("Which service?", "\x04")
        terminal.read_until("Stopped. Nothing is lost")
        assert terminal.wait() == 130


def test_watching_shows_what_comes_and_ends_calmly_with_ctrl_c(street: Street) -> None:
    watching = subprocess.Popen(
        command("watch"),
        env=street.hospital.environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert watching.stdout is not None
    assert watching.stderr is not None
    while "Watching" not in watching.stderr.readline():
        assert watching.poll() is None
    street.shelter.run("send", "message", "--to=MERCY", words="Good evening.")
    shown = ""
    while "Good evening." not in shown:
        shown += watching.stdout.readline()
        assert watching.poll() is None
    watching.send_signal(signal.SIGINT)
    _, told = watching.communicate(timeout=20)

    assert watching.returncode == 130
    assert "Stopped. Nothing is lost" in told
    assert "Traceback" not in told
    again = street.hospital.run("inbox", "--offline")
    assert again.stdout.count("Good evening.") == 1


def test_status_indicators_are_set_and_shown_in_words(street: Street) -> None:
    said = street.shelter.run("status", "set", "safety_plan_active", "--to=MERCY", "--days=3")
    board = street.hospital.run("status", "board")
    unknown = street.shelter.run("status", "set", "hiding_at_home", "--to=MERCY")

    assert said.returncode == 0, said.stderr
    assert "A safety plan is in place: Active" in board.stdout
    assert unknown.returncode == 2
    assert "safety_plan_active" in unknown.stderr


def test_ctrl_c_while_the_desk_is_loading_leaves_no_trace(street: Street) -> None:
    program = INTERRUPT_LOADING.format(module="quietway_desk.running")
    ended = subprocess.run(
        [sys.executable, "-c", program],
        env=street.shelter.environment(),
        capture_output=True,
        timeout=60,
        check=False,
    )

    assert (ended.returncode, ended.stderr) == (-signal.SIGINT, b"")


def test_an_agency_is_founded_once_from_the_command_line(tmp_path: Path) -> None:
    desk = Desk(tmp_path / "harbor", write_passphrase(tmp_path))
    with RelayProcess(tmp_path / "relay") as relay:
        code = enroll(relay)
        asked = (f"--relay={relay.url}", "--agency=HARBOR", "--program=HARBOR-SHELTER")
        rest = ("--role=shelter_staff", "--enrolment-file=-")
        founded = desk.run("init", *asked, *rest, words=code)
        twice = desk.run("init", *asked, *rest, words=code)

    assert founded.returncode == 0, founded.stderr
    assert re.search(r"Fingerprint +[0-9a-f]{4}( [0-9a-f]{4}){7}", founded.stdout)
    assert code not in founded.stdout + founded.stderr
    assert twice.returncode == 1
    assert "left as it is" in twice.stderr


def test_founding_goes_on_after_a_refused_code_and_a_relay_out_of_reach(tmp_path: Path) -> None:
    desk = Desk(tmp_path / "harbor", write_passphrase(tmp_path))
    with RelayProcess(tmp_path / "relay") as relay:
        asked = ("init", "--agency=harbor", "--program=harbor-shelter", "--role=shelter_staff")
        apart = desk.run(*asked, "--relay=http://127.0.0.1:9", "--enrolment-file=-", words="x")
        here = (*asked, f"--relay={relay.url}", "--enrolment-file=-")
        refused = desk.run(*here, words="mistyped")
        ailing = desk.run("doctor")
        founded = desk.run(*here, words=enroll(relay))

    assert (apart.returncode, refused.returncode, founded.returncode) == (1, 1, 0), founded.stderr
    assert "run the same command again" in apart.stderr
    assert "did not take the one-time code" in refused.stderr
    assert ailing.returncode == 1
    assert "run `quietway init` again" in ailing.stdout
    assert "HARBOR-SHELTER is founded." in founded.stdout


def test_an_invitation_is_written_for_its_holder_alone_and_is_not_for_its_author(
    street: Street, tmp_path: Path
) -> None:
    file = tmp_path / "harbor.invitation"

    invited = street.shelter.run("partner", "invite", "Mercy", "--file", str(file))
    again = street.shelter.run("partner", "invite", "Mercy", "--file", str(file))
    added = street.hospital.run("partner", "add", str(file), "--label", "The shelter")
    own = street.shelter.run("partner", "add", str(file))

    assert (invited.returncode, again.returncode, added.returncode, own.returncode) == (0, 2, 0, 1)
    assert file.stat().st_mode & 0o777 == 0o600
    assert "HARBOR is a partner now" in added.stdout
    assert "this agency's own" in own.stderr


def test_an_invitation_is_drawn_and_read_from_its_photograph(
    street: Street, tmp_path: Path
) -> None:
    picture = tmp_path / "harbor.png"
    invited = street.shelter.run("partner", "invite", "Mercy", "--qr", "--file", str(picture))
    added = street.hospital.run("partner", "add", "--photo", str(picture), "--label", "Shelter")
    both = street.hospital.run("partner", "add", str(picture), "--photo", str(picture))
    drawn = street.shelter.run("partner", "invite", "Mercy", "--qr")

    codes = (invited.returncode, added.returncode, both.returncode, drawn.returncode)
    assert codes == (0, 0, 2, 0)
    assert "HARBOR is a partner now" in added.stdout
    assert picture.stat().st_mode & 0o777 == 0o600
    assert "\u2588" in drawn.stdout
    assert "quietway-invitation" not in drawn.stdout + invited.stdout


def test_a_partner_is_verified_with_the_words_they_read_out(street: Street) -> None:
    own = street.shelter.run("partner", "verify")
    words = re.search(r"In words +(([a-z]+ ){7}[a-z]+)", own.stdout)
    assert words is not None
    mine = re.search(r"In words +(.*)", street.hospital.run("partner", "verify").stdout)
    assert mine is not None
    wrong = street.hospital.run("partner", "verify", "HARBOR", "--words", mine[1])
    right = street.hospital.run("partner", "verify", "harbor", "--words", words[1].upper())
    after = street.hospital.run("partner", "list")
    missing = street.hospital.run("partner", "verify", "HARBOR")

    assert (wrong.returncode, right.returncode, missing.returncode) == (1, 0, 2)
    assert wrong.stderr.startswith("Stop: ")
    assert "by phone, " in after.stdout
    assert words[1] in after.stdout


def test_the_passphrase_is_asked_for_and_not_echoed(street: Street) -> None:
    control, terminal = pty.openpty()
    environment = street.shelter.environment()
    del environment["QUIETWAY_PASSPHRASE_FILE"]
    process = subprocess.Popen(
        command("partner", "list"),
        env=environment,
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
        start_new_session=True,
    )
    os.close(terminal)
    shown = read_until(control, b"Passphrase: ")
    os.write(control, f"{PASSPHRASE}\n".encode())
    shown += read_until(control, b"MERCY-SOCIALWORK")
    assert process.wait(20) == 0
    os.close(control)

    assert PASSPHRASE.encode() not in shown


def test_nothing_is_written_outside_the_store(street: Street) -> None:
    outside = street.shelter.home.parent
    before = {path for path in outside.iterdir() if path.name != "relay"}

    street.shelter.run("outbox")

    assert {path for path in outside.iterdir() if path.name != "relay"} == before


def test_a_partners_device_is_cut_off_and_given_back_and_an_invitation_is_taken_back(
    street: Street,
) -> None:
    street.hospital.run("inbox")
    street.shelter.run("inbox")
    (listed,) = json.loads(street.shelter.run("partner", "devices", "MERCY", "--json").stdout)
    assert listed["cut_off"] is False
    assert listed["lane_since"] is not None
    device = listed["device"]
    # By its beginning, as one's own devices are called.
    cut = street.shelter.run("partner", "cut-off", device.removeprefix("dev_")[:8])
    assert cut.returncode == 0, cut.stderr
    assert "Call them." in cut.stderr
    assert "quietway partner uninvite" in cut.stderr
    # Other tests of this street made more of them.
    for name in re.findall(r"\b[0-9a-f]{16}\b", street.shelter.run("partner", "uninvite").stdout):
        assert street.shelter.run("partner", "uninvite", name).returncode == 0
    shown = street.shelter.run("partner", "devices", "MERCY").stdout
    assert "no: it was cut off here" in shown
    refused = street.hospital.run("send", "message", "--to=HARBOR", words="Are you there?")
    assert "delivered to the relay" not in refused.stdout
    street.shelter.run("partner", "restore", device)
    assert "yes, since" in street.shelter.run("partner", "devices", "MERCY").stdout
    assert street.shelter.run("partner", "restore", device).returncode != 0

    street.shelter.run("partner", "invite", "City legal aid")
    assert "City legal aid" in street.shelter.run("partner", "uninvite").stdout
    assert street.shelter.run("partner", "uninvite", "City legal aid").returncode == 0
    assert "City legal aid" not in street.shelter.run("partner", "uninvite").stdout
