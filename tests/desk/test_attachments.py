"""Files at the desk: bars on a terminal only, honest words, and a Ctrl-C that loses nothing."""

from __future__ import annotations

import json
import os
import re
import signal
from typing import TYPE_CHECKING

import pytest
from tests.desk.terminal import Terminal
from tests.journeys.conftest import PASSPHRASE

from quietway import Client
from quietway_desk.commands.attachment import show_size

if TYPE_CHECKING:
    from pathlib import Path

    from tests.desk.conftest import Street

CONTENT = ("\u4e00" * 21 + "\n").encode() * 4096
"""A quarter of a megabyte of text, as it is before and after cleaning."""


@pytest.fixture
def plan(tmp_path: Path) -> Path:
    path = tmp_path / "plan.txt"
    path.write_bytes(CONTENT)
    return path


def test_a_file_is_sent_listed_and_fetched_between_two_desks(
    street: Street, plan: Path, tmp_path: Path
) -> None:
    sent = street.shelter.run_apart("attachment", "send", str(plan), "--to=MERCY")
    assert sent.returncode == 0, sent.stderr
    assert "delivered to the relay" in sent.stdout
    assert sent.stderr.index("Its message") < sent.stderr.index("said nothing besides")
    inbox = street.hospital.run("inbox")
    assert "plan.txt" in inbox.stdout
    assert "text/plain" in inbox.stdout
    listed = json.loads(street.hospital.run("attachment", "list", "--json").stdout)
    (held,) = [one for one in listed if one["name"] == "plan.txt"]
    assert (held["name"], held["length"], held["state"]) == ("plan.txt", len(CONTENT), "available")
    assert "HARBOR" in street.hospital.run("attachment", "list", "--offline").stdout
    said = street.hospital.run("inbox", "--json").stdout
    contents = [one["content"] for one in json.loads(said)]
    assert "attachment.file" in {content["type"] for content in contents}
    assert not any({"key", "opening"} & set(content) for content in contents)
    fetched = street.hospital.run("attachment", "fetch", held["message_id"], f"--into={tmp_path}")
    assert fetched.stdout.startswith("Fetched: ")
    assert (tmp_path / "plan (2).txt").read_bytes() == CONTENT


def test_a_command_that_cannot_be_done_says_what_to_do(street: Street, tmp_path: Path) -> None:
    here = tmp_path / "here.txt"
    here.write_bytes(CONTENT)
    wrong = [
        (2, ("attachment", "send", str(tmp_path / "none"), "--to=MERCY")),
        (1, ("attachment", "send", str(here), "--to=MERCY", "--case=mine")),
        (1, ("attachment", "fetch", "msg_none")),
        (1, ("attachment", "withdraw", "msg_" + "a" * 26)),
    ]
    for code, arguments in wrong:
        ran = street.shelter.run(*arguments)
        assert ran.returncode == code, ran.stderr
        assert "fault" not in ran.stderr


def test_an_upload_that_meets_no_relay_goes_on_by_itself(street: Street, plan: Path) -> None:
    with Client.open(street.shelter.home, passphrase=PASSPHRASE) as client:
        client.sync()
        street.relay.stop()
        try:
            sent = client.attachments.send(plan, to="MERCY", name="offline.txt")
        finally:
            street.relay.restart()
    assert sent.message_id is None
    assert "on its way" in street.shelter.run("attachment", "list", "--offline").stdout
    assert "on its way" not in street.shelter.run("attachment", "list").stdout
    assert "offline.txt" in street.hospital.run("inbox").stdout


def test_control_c_in_the_middle_leaves_an_upload_that_goes_on(
    street: Street, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "xterm")  # one that can show bars
    large = tmp_path / "large.txt"
    large.write_bytes(CONTENT * 8)
    with Terminal(street.shelter, "attachment", "send", str(large), "--to=MERCY") as terminal:
        terminal.read_until("cleaning")
        os.kill(street.relay.pid, signal.SIGSTOP)
        try:
            terminal.read_until("uploading")
            terminal._process.send_signal(signal.SIGINT)
            shown = terminal.read_until("Nothing is lost")
            assert terminal.wait() == 130
        finally:
            os.kill(street.relay.pid, signal.SIGCONT)
    assert "Traceback" not in shown
    assert "on its way" in street.shelter.run("attachment", "list", "--offline").stdout
    assert "on its way" not in street.shelter.run("attachment", "list").stdout
    names = re.findall(r"large\.txt", street.hospital.run("inbox").stdout)
    assert len(names) == 1


def test_a_size_is_shown_as_people_read_it() -> None:
    assert [show_size(n) for n in (0, 1023, 1536, 3 * 2**20)] == [
        "0 bytes", "1023 bytes", "1.5 KiB", "3.0 MiB",
    ]  # fmt: skip
