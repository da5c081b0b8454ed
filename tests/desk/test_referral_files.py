"""`quietway referral`: from another system's file to a partner, and back into a file."""

from __future__ import annotations

import csv
import io
import json
import re
import shlex
from typing import TYPE_CHECKING, Final

import pytest
from tests.client_sdk.interop.samples import find_texts
from tests.controls import without
from tests.desk.test_commands import Terminal
from tests.house.pages import ROOT

from quietway.interop import read_task_state
from quietway_desk.files import check_target, write_whole
from quietway_desk.refusals import UsageRefused

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.desk.conftest import Ran, Street

PAGE: Final = ROOT / "docs" / "howto" / "bring-referrals-from-your-case-management-system.md"
SAID: Final = (
    "--to=HARBOR",
    "--staff=Social work desk",
    "--contact=Line 2040",
    "--purpose=safe_accommodation",
    "--basis=client_interview",
    "--referred-by=healthcare",
    "--choice=chosen",
)
FOUR_HOURS_MS: Final = 4 * 3_600_000
QUESTIONS: Final = (
    "Which service?",
    "What is it for?",
    "Where is this known from?",
    "Who referred?",
    "What did the survivor choose?",
)
WORDS: Final = "Please call our desk about a place."


def find_reference(ran: Ran) -> str:
    found = re.search(r"ref_[a-z2-7]{26}", ran.stderr)
    assert found is not None, ran.stderr
    return found[0]


@pytest.mark.requirement("A24")
def test_a_task_of_another_system_is_sent_answered_and_written_back(
    street: Street, shared: Callable[[str], Path], tmp_path: Path
) -> None:
    """A24: purpose-built case management systems; the loop is closed in their own format."""
    file = shared("samples/gravity/SDOHCC-Task-OrderFulfillment-Example-1.json")
    out = tmp_path / "task.json"

    sent = street.hospital.run("referral", "import", str(file), *SAID, words=WORDS)
    reference = find_reference(sent)
    street.shelter.run("inbox")
    street.shelter.run("send", "answer", reference, "--state=declined", "--reason=no_capacity")
    street.hospital.run("inbox")
    written = street.hospital.run("referral", "export", reference, f"--out={out}")

    assert (sent.returncode, written.returncode) == (0, 0), sent.stderr + written.stderr
    assert "for.display" in sent.stderr
    assert "--service CODE says which one" in sent.stderr
    assert "in clear" in written.stderr
    report = read_task_state(out.read_bytes())
    assert (str(report.referral_ref), report.state) == (reference, "declined")
    assert report.reason_code == "no_capacity"
    shown = sent.stdout + sent.stderr + written.stderr
    assert find_texts(file.read_bytes(), out.read_text("utf-8")) == set()
    assert "ABBAS" not in shown


def test_what_is_said_stands_instead_of_the_files_and_urgency_decides_when(
    street: Street, shared: Callable[[str], Path]
) -> None:
    file = shared("samples/fhir-r4/ServiceRequest-do-not-turn.json")

    sent = street.hospital.run(
        "referral", "import", str(file), *SAID, "--service=safehouse", words=WORDS
    )
    read = street.shelter.run("inbox", "--json")

    assert sent.returncode == 0, sent.stderr
    assert "NOT to be done (doNotPerform)" in sent.stderr
    packet = json.loads(read.stdout)[-1]["content"]
    assert (packet["service_type"], packet["time_sensitivity"]) == ("safehouse", "urgent")
    assert packet["feedback_due"] - packet["referring"]["at"] == FOUR_HOURS_MS


def test_a_file_that_cannot_be_taken_ends_the_command_before_anything_is_asked(
    street: Street, shared: Callable[[str], Path], tmp_path: Path
) -> None:
    closed = shared("samples/fhir-r4/Task-example4.json")
    names = tmp_path / "Maria Muster.json"
    names.write_text('{"resourceType": "Patient", "id": "Maria Muster"}')

    refused = street.hospital.run("referral", "import", str(closed), "--to=HARBOR")
    unknown = street.hospital.run("referral", "import", str(names), "--to=HARBOR")
    allowed = street.hospital.run(
        "referral", "import", str(closed), "--allow-closed", *SAID, words=WORDS
    )

    assert (refused.returncode, unknown.returncode, allowed.returncode) == (2, 2, 0)
    assert "not_open (field: status)" in refused.stderr
    assert "not_a_referral (field: resourceType)" in unknown.stderr
    assert "Maria" not in unknown.stderr


def test_a_script_is_told_which_option_is_missing(
    street: Street, shared: Callable[[str], Path]
) -> None:
    file = shared("samples/fhir-r4/ServiceRequest-lipid.json")

    ran = street.hospital.run("referral", "import", str(file), "--to=HARBOR", words=WORDS)

    assert ran.returncode == 2
    assert "--staff is missing" in ran.stderr


def test_at_a_terminal_what_the_file_does_not_say_is_asked_for(
    street: Street, shared: Callable[[str], Path]
) -> None:
    files = [
        shared(f"samples/{name}")
        for name in (
            "gravity/SDOHCC-Task-OrderFulfillment-Example-1.json",
            "gravity/SDOHCC-ServiceRequest-HungerVitalSign-Example-1.json",
        )
    ]
    for file, questions in zip(files, (QUESTIONS, QUESTIONS[1:]), strict=True):
        asked = ("referral", "import", str(file), *SAID[:3])
        with Terminal(street.hospital, *asked) as terminal:
            for question in questions:
                terminal.answer(question, "1\n")
            terminal.answer("name nobody and no place", f"{WORDS}\n\x04")
            terminal.read_until("delivered to the relay")
            assert terminal.wait() == 0

    read = street.shelter.run("inbox", "--json")
    services = [held["content"]["service_type"] for held in json.loads(read.stdout)[-2:]]
    assert services == ["safehouse", "emergency_assistance"]


def test_the_older_option_goes_the_same_way_and_points_to_the_new_command(
    street: Street, shared: Callable[[str], Path]
) -> None:
    file = shared("samples/gravity/SDOHCC-ServiceRequest-HungerVitalSign-Example-1.json")

    sent = street.hospital.run("send", "referral", *SAID, f"--from-fhir={file}", words=WORDS)

    assert sent.returncode == 0, sent.stderr
    assert "Say: quietway referral import FILE" in sent.stderr


@pytest.fixture
def record(street: Street, tmp_path: Path) -> tuple[Street, str, Path]:
    words = "=1+1, in the words of staff"
    sent = street.hospital.run("send", "referral", *SAID, "--service=safehouse", words=words)
    return street, find_reference(sent), tmp_path


def test_ones_own_record_is_written_in_every_format_and_said_to_be_in_clear(
    record: tuple[Street, str, Path],
) -> None:
    street, reference, _ = record
    export = ("referral", "export", "--out=-")

    told = street.hospital.run_apart(*export, "--format=json")
    table = street.hospital.run_apart(*export, reference, "--format=csv")
    bundle = street.hospital.run(*export)
    gravity = street.hospital.run(*export, reference, "--gravity")

    assert [ran.returncode for ran in (told, table, bundle, gravity)] == [0, 0, 0, 0], told.stderr
    assert all("in clear" in ran.stderr for ran in (told, table, bundle, gravity))
    assert reference in [held["referral_ref"] for held in json.loads(told.stdout)["referrals"]]
    (row,) = csv.DictReader(io.StringIO(table.stdout))
    assert row["purpose_text"] == "'=1+1, in the words of staff"
    assert json.loads(bundle.stdout)["type"] == "collection"
    assert json.loads(gravity.stdout)["status"] == "requested"


def test_a_file_is_for_its_owner_alone_and_is_never_written_over_unasked(
    record: tuple[Street, str, Path],
) -> None:
    street, reference, folder = record
    out = folder / "task.json"
    export = ("referral", "export", reference, f"--out={out}")

    first = street.hospital.run(*export)
    mode = out.stat().st_mode & 0o777
    out.write_text("something of mine")
    second = street.hospital.run(*export)
    kept = out.read_text("utf-8")
    third = street.hospital.run(*export, "--force")

    assert (first.returncode, second.returncode, third.returncode) == (0, 2, 0)
    assert (mode, out.stat().st_mode & 0o777) == (0o600, 0o600)
    assert kept == "something of mine"
    assert "left as it is" in second.stderr
    assert json.loads(out.read_bytes())["resourceType"] == "Task"
    assert list(folder.iterdir()) == [out]


def test_a_wrong_way_to_ask_for_an_export_is_a_sentence(street: Street, tmp_path: Path) -> None:
    asked = (
        ("--out=-", "--format=json", "--gravity"),
        ("--out=-", "--format=xml"),
        (f"--out={tmp_path}",),
        (f"--out={tmp_path / 'nowhere' / 'task.json'}",),
        ("--out=/dev/null", "--force"),
        (),
    )
    ran = [street.hospital.run("referral", "export", *options) for options in asked]
    unknown = street.hospital.run("referral", "export", "ref_nobody", "--out=-")

    assert [each.returncode for each in ran] == [2] * len(asked)
    assert unknown.returncode == 1
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_came_to_be_there_meanwhile_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "task.json"
    check = without_looking(monkeypatch)
    file.write_text("came first")

    with pytest.raises(UsageRefused):
        write_whole(file, b"{}", force=False)

    assert check == ["looked", "looked"]
    assert file.read_text("utf-8") == "came first"
    assert list(tmp_path.iterdir()) == [file]


def without_looking(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Let the first look find nothing, as if the file came right after it."""
    looked: list[str] = []

    def look(file: Path, *, force: bool) -> None:
        looked.append("looked")
        if len(looked) > 1:
            check_target(file, force=force)

    without(monkeypatch, "quietway_desk.files:check_target", look)
    return looked


def test_a_disk_without_second_names_gets_its_file_and_keeps_what_it_has(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError

    without(monkeypatch, "pathlib:Path.hardlink_to", refuse)
    file = tmp_path / "task.json"

    write_whole(file, b"{}", force=False)
    with pytest.raises(UsageRefused):
        write_whole(file, b"[]", force=False)

    assert (file.read_bytes(), file.stat().st_mode & 0o777) == (b"{}", 0o600)


def test_a_full_disk_leaves_neither_a_part_of_the_file_nor_the_old_one_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    file = tmp_path / "task.json"
    file.write_text("the old one")
    without(monkeypatch, "os:fsync", fail)

    with pytest.raises(UsageRefused, match="could not be written"):
        write_whole(file, b"{}", force=True)

    assert file.read_text("utf-8") == "the old one"
    assert list(tmp_path.iterdir()) == [file]


def list_commands(page: str) -> list[str]:
    lines = re.findall(r"^    (quietway .*)$", page.replace("\\\n", " "), re.MULTILINE)
    return [re.sub(r" +", " ", line) for line in lines]


def test_the_commands_of_the_how_to_do_what_it_says(
    street: Street, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = PAGE.read_text("utf-8")
    raw = re.search(r'raw = b"""(.*?)"""', page, re.DOTALL)
    assert raw is not None
    (tmp_path / "request.json").write_text(raw[1])
    (tmp_path / "purpose.txt").write_text(WORDS)
    monkeypatch.chdir(tmp_path)
    asked, scripted, inbox, *exports = list_commands(page)
    assert scripted.startswith(asked)

    def run(line: str) -> Ran:
        command, _, piped = line.partition(" < ")
        words = (tmp_path / piped).read_text("utf-8") if piped else ""
        return street.hospital.run(*shlex.split(command)[1:], words=words)

    sent = run(scripted)
    reference = find_reference(sent)
    street.shelter.run("inbox")
    street.shelter.run("send", "answer", reference, "--state=accepted")
    ran = [run(inbox), *(run(line.replace("ref_...", reference)) for line in exports)]

    assert [each.returncode for each in (sent, *ran)] == [0] * 4, [each.stderr for each in ran]
    assert "category.coding.display, note.text, subject.display" in sent.stderr
    assert read_task_state((tmp_path / "task.json").read_bytes()).state == "accepted"
    assert reference in (tmp_path / "referrals.csv").read_text("utf-8")
    for path in ("task.json", "referrals.csv"):
        assert not re.search("Maria|4711|sister", (tmp_path / path).read_text("utf-8"))
        assert (tmp_path / path).stat().st_mode & 0o777 == 0o600
