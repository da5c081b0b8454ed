"""A device without its passphrase at the desk: it tells that something came, and not what."""

from __future__ import annotations

import signal
import subprocess
from typing import TYPE_CHECKING

from tests.desk.conftest import command

if TYPE_CHECKING:
    from tests.desk.conftest import Desk, Street

WORDS = "The interpreter is here."


def begin_to_listen(desk: Desk) -> subprocess.Popen[str]:
    environment = desk.environment()
    del environment["QUIETWAY_PASSPHRASE_FILE"]
    listening = subprocess.Popen(
        command("listen"),
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert listening.stderr is not None
    assert "Listening, locked" in listening.stderr.readline()
    return listening


def test_a_locked_device_calls_whoever_sent_an_alert_that_nobody_answered_in_time(
    street: Street,
) -> None:
    alarms = street.shelter.home / "alarms"
    alarms.write_bytes(b'{"alarms":[1]}')
    listening = begin_to_listen(street.shelter)
    assert listening.stdout is not None
    told = listening.stdout.readline()
    listening.send_signal(signal.SIGINT)
    listening.communicate(timeout=20)
    assert told == "AN ALERT OF YOURS MAY HAVE REACHED NOBODY. Look now: quietway alert list\n"
    assert listening.returncode == 130


def test_a_locked_device_tells_that_something_came_and_shows_nothing_of_it(street: Street) -> None:
    listening = begin_to_listen(street.hospital)
    assert listening.stdout is not None
    # What came while nothing listened may have been an alert: it rings once for that.
    assert "may have come before" in listening.stdout.readline()
    sent = street.shelter.run("send", "message", "--to=MERCY", words=WORDS)
    assert sent.returncode == 0, sent.stderr
    told = listening.stdout.readline()
    listening.send_signal(signal.SIGINT)
    rest, _ = listening.communicate(timeout=20)

    assert told == "Something came.\n"
    assert WORDS not in told + rest
    assert listening.returncode == 130
    # The store was free all the while, and nothing was acknowledged in its place.
    assert WORDS in street.hospital.run("inbox").stdout
