"""Conversations at the desk: in order, with a plain line where something is missing."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from quietway import Contradiction, Gap
from quietway.content import AgencyId, DeviceId, MessageId
from quietway_desk.told import show_entry, tell_contradiction, tell_gap

if TYPE_CHECKING:
    from tests.desk.conftest import Street

BEFORE = MessageId(b"m" * 16)


def gap(missing: int | None, *, over: bool = False, before: MessageId | None = BEFORE) -> Gap:
    return Gap(DeviceId(bytes(16)), None, "CITYPD-LIAISON", missing, None, before, over)


WHO = "from CITYPD-LIAISON"
LINES = [
    (gap(1), f"1 message {WHO} before this has not arrived."),
    (gap(3), f"3 messages {WHO} before this have not arrived."),
    (gap(1, over=True), f"1 message {WHO} before this never arrived, and can't any more."),
    (gap(None), f"Something {WHO} before this has not arrived; how much is not known."),
    (gap(2, before=None), f"2 messages {WHO} have not arrived."),
]


@pytest.mark.parametrize(("missing", "line"), LINES)
def test_what_is_missing_is_said_in_one_line(missing: Gap, line: str) -> None:
    assert tell_gap(missing) == line


def test_two_stories_are_a_warning_that_names_whom_to_ask(
    capsys: pytest.CaptureFixture[str],
) -> None:
    agency = AgencyId(bytes(16))
    for kind in ("forked", "told_otherwise"):
        told = Contradiction(kind, None, agency, "CITYPD-LIAISON", 0, BEFORE, None)  # type: ignore[arg-type]  # one of the two kinds
        show_entry(told, {})
        assert tell_contradiction(told).split(": ")[0] == "WARNING"
        assert "CITYPD-LIAISON" in capsys.readouterr().err


def test_a_gap_is_a_line_in_the_inbox_and_receipts_are_switched_off(street: Street) -> None:
    words = ("First of three.", "Second of three.", "Third of three.")
    assert street.hospital.run("send", "message", "--to=HARBOR", words=words[0]).returncode == 0
    listed = json.loads(street.hospital.run("conversation", "list", "--json").stdout)
    reference = listed[-1]["conversation"]
    shown = json.loads(
        street.hospital.run("conversation", "show", reference, "--offline", "--json").stdout
    )
    answers = f"--answers={shown[0]['message_id']}"
    for text in words[1:]:
        sent = street.hospital.run("send", "message", "--to=HARBOR", answers, words=text)
        assert sent.returncode == 0, sent.stderr
    with closing(sqlite3.connect(street.relay.database)) as database, database:
        newest = "SELECT id FROM flash_envelopes ORDER BY seq DESC LIMIT 2"
        _, (second,) = database.execute(newest).fetchall()
        database.execute("DELETE FROM flash_envelopes WHERE id = ?", (second,))

    inbox = street.shelter.run("inbox")
    # Each command is a start of its own, and counts its places from 0: how many is not known.
    line = "Something from MERCY-SOCIALWORK before this has not arrived; how much is not known."
    assert line in inbox.stdout
    conversation = street.shelter.run("conversation", "show", reference)
    assert line in conversation.stdout
    assert words[0] in conversation.stdout
    assert words[1] not in conversation.stdout
    assert "something is missing" in street.shelter.run("conversation", "list").stdout
    switched = street.shelter.run("conversation", "receipts", reference, "--off")
    assert (switched.returncode, switched.stdout) == (
        0,
        "No receipts are given there from now on.\n",
    )
    assert "no receipts" in street.shelter.run("conversation", "list").stdout
