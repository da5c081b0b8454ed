"""The desk itself: what it imports, how it helps, and what it never shows."""

from __future__ import annotations

import ast
import io
import re
import shlex
import sys
from itertools import pairwise
from pathlib import Path
from typing import Final

import pytest

from quietway import has_store
from quietway.codes import labels
from quietway.testing import Sandbox
from quietway_desk.coded import KINDS_OF_CODED
from quietway_desk.running import NOT_TAKEN, REFUSED, _say_fault, run
from quietway_desk.screen import prepare_streams, say
from quietway_desk.words import KINDS, OUTBOX_STATES, show_received

DESK: Final = Path(__file__).resolve().parents[2] / "desk" / "quietway_desk"
PUBLIC: Final = frozenset(
    (
        "quietway",
        "quietway.checking",
        "quietway.codes",
        "quietway.content",
        "quietway.fingerprint",
        "quietway.interop",
    )
)
COMMANDS: Final = (
    "init",
    "inbox",
    "outbox",
    "outbox withdraw",
    "watch",
    "doctor",
    "oncall template",
    "oncall set",
    "oncall show",
    "oncall gaps",
    "oncall override",
    "oncall swap",
    "oncall accept",
    "oncall withdraw",
    "oncall export",
    "guard check",
    "guard explain",
    "guard limits",
    "guard allow add",
    "guard allow remove",
    "guard allow list",
    "guard deny add",
    "guard deny remove",
    "guard deny list",
    "backup",
    "restore",
    "custodian",
    "listen",
    "lock",
    "wipe",
    "passphrase change",
    "agency found",
    "agency words",
    "agency secure",
    "agency custodians",
    "agency recover",
    "agency review",
    "agency ops request",
    "agency ops add",
    "agency ops remove",
    "agency ops list",
    "device request",
    "device add",
    "device join",
    "device approve",
    "device list",
    "device roles",
    "device revoke",
    "device retire",
    "device snapshot",
    "send referral",
    "send answer",
    "send message",
    "referral import",
    "referral export",
    "status set",
    "status board",
    "alert send",
    "alert list",
    "alert show",
    "alert claim",
    "alert decline",
    "alert pass",
    "alert release",
    "alert verify",
    "alert second",
    "alert call",
    "crisis activate",
    "crisis list",
    "crisis show",
    "crisis answer",
    "crisis summary",
    "crisis note",
    "crisis close",
    "crisis say",
    "crisis invite",
    "crisis remove",
    "crisis leave",
    "crisis role",
    "crisis action",
    "crisis decide",
    "crisis checkin",
    "crisis handover",
    "crisis succeed",
    "crisis logistics",
    "debrief list",
    "debrief show",
    "debrief record",
    "debrief item",
    "debrief report",
    "partner invite",
    "partner add",
    "partner verify",
    "partner list",
    "partner pause",
    "partner resume",
    "partner end",
    "partner uninvite",
    "partner devices",
    "partner cut-off",
    "partner restore",
)


def list_imports() -> set[str]:
    found: set[str] = set()
    for path in DESK.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                found.update(name.name for name in node.names)
            elif isinstance(node, ast.ImportFrom):
                found.add(node.module or "")
    return {name for name in found if name.partition(".")[0].startswith("quietway")}


def test_the_desk_imports_the_public_face_of_the_sdk_and_nothing_below_it() -> None:
    own = {name for name in list_imports() if name.startswith("quietway_desk")}

    assert list_imports() - own <= PUBLIC


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_teaches_with_an_example(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([*name.split(), "--help"]) == 0

    shown = capsys.readouterr().out
    assert "Try this:" in shown
    assert f"quietway {name}" in shown


@pytest.mark.parametrize("name", COMMANDS)
def test_an_example_can_be_copied_as_it_stands(
    name: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    run([*name.split(), "--help"])
    shown = capsys.readouterr().out
    options = set(re.findall(r"^  (--[a-z-]+)", shown, re.MULTILINE))

    examples = re.findall(
        rf"^ +(quietway {name}(?: .*)?)$", shown.replace("\\\n", ""), re.MULTILINE
    )
    assert examples
    for words in map(shlex.split, examples):
        named = [word for word in words if word.startswith("--")]
        assert set(named) <= options
        assert not [word for word in words if word.endswith("-") and word != "-"]
        roles = [after for word, after in pairwise(words) if word == "--role"]
        assert set(roles) <= set(labels("role"))


def test_the_example_of_three_custodians_is_whole(capsys: pytest.CaptureFixture[str]) -> None:
    run(["agency", "custodians", "--help"])
    shown = capsys.readouterr().out.replace("\\\n", "")
    example = re.findall(r"^ +(quietway agency custodians .*)$", shown, re.MULTILINE)[-1]
    words = shlex.split(example)
    assert words.count("--custodian") == 3
    assert words[-2:] == ["--out", "harbor.recovery"]


def test_the_version_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--version"]) == 0
    assert capsys.readouterr().out.startswith("quietway 0.")


@pytest.mark.parametrize(
    "arguments",
    [
        ["send", "message", "--to", "MERCY", "the words themselves"],
        ["--passphrase", "the words themselves", "inbox"],
        ["init"],
        ["nothing-of-the-kind"],
    ],
)
def test_neither_words_nor_a_passphrase_are_taken_from_the_command_line(
    arguments: list[str],
) -> None:
    assert run(arguments) == NOT_TAKEN


def test_without_a_store_it_says_how_to_make_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "passphrase").write_text("a passphrase of twenty-nine letters")
    monkeypatch.setenv("QUIETWAY_PASSPHRASE_FILE", str(tmp_path / "passphrase"))
    monkeypatch.setenv("QUIETWAY_HOME", str(tmp_path / "nothing"))

    assert run(["inbox"]) == REFUSED
    assert "quietway init" in capsys.readouterr().err


def test_without_a_store_nobody_is_asked_for_a_passphrase(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("QUIETWAY_PASSPHRASE_FILE", raising=False)
    monkeypatch.setenv("QUIETWAY_HOME", str(tmp_path / "nothing"))

    assert run(["inbox"]) == REFUSED
    told = capsys.readouterr().err
    assert "There is no quietway store here yet" in told
    assert "passphrase" not in told


def test_a_store_is_told_from_an_empty_folder_without_a_passphrase(tmp_path: Path) -> None:
    (tmp_path / "with").mkdir()
    (tmp_path / "with" / "keyring").touch()

    assert has_store(tmp_path / "with")
    assert not has_store(tmp_path)


def test_what_the_terminals_encoding_lacks_is_shown_by_its_number(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    raw = io.BytesIO()
    monkeypatch.setattr("sys.stdout", io.TextIOWrapper(raw, encoding="ascii"))

    prepare_streams()
    say("caf\u00e9")
    sys.stdout.flush()

    assert raw.getvalue() == b"caf\\xe9\n"


def test_a_fault_of_its_own_is_told_without_what_it_says(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(ValueError, match="somebody") as fault:
        int("what somebody wrote")

    assert _say_fault(fault.value) == REFUSED
    told = capsys.readouterr().err
    assert "test_face.py" in told
    assert "somebody" not in told


def test_a_partners_words_cannot_turn_the_reading_direction_around(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with Sandbox(seed=11) as sandbox:
        shelter = sandbox.agency("HARBOR-SHELTER")
        hospital = sandbox.agency("MERCY-SOCIALWORK")
        hospital.messages.send("tonight \u202enoon [bold]not[/bold]", to="HARBOR")
        shelter.sync()
        for message in shelter.inbox():
            show_received(message)

    shown = capsys.readouterr().out
    assert "\u202e" not in shown
    assert "[bold]not[/bold]" in shown


def test_every_kind_of_content_and_every_state_of_the_outbox_has_words() -> None:
    assert set(KINDS) - set(KINDS_OF_CODED) == {
        "attachment.file",
        "audience.list",
        "message.text",
        "receipt.cover",
        "receipt.opened",
        "receipt.stored",
        "referral.ack",
        "referral.cancel",
        "referral.feedback",
        "referral.outcome",
        "referral.packet",
        "referral.reopen",
        "status.indicator",
    }
    assert set(OUTBOX_STATES) == {
        "not_yet_sent",
        "expired_unread",
        "sealed",
        "stored_at_relay",
        "expired_unsent",
        "unreachable",
        "paused",
        "not_taken",
        "withdrawing",
        "withdrawn",
        "partly_withdrawn",
    }
