"""A device without its passphrase at the desk: it tells that something came, and not what."""

from __future__ import annotations

import select
import signal
import subprocess
from typing import TYPE_CHECKING

from tests.desk.conftest import command

if TYPE_CHECKING:
    from tests.desk.conftest import Street

WORDS = "The interpreter is here."
MOST_TRIES = 10


def test_a_locked_device_tells_that_something_came_and_shows_nothing_of_it(street: Street) -> None:
    environment = street.hospital.environment()
    del environment["QUIETWAY_PASSPHRASE_FILE"]
    listening = subprocess.Popen(
        command("listen"),
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert listening.stdout is not None
    assert listening.stderr is not None
    assert "Listening, locked" in listening.stderr.readline()
    # What came before it had connected is no news to it, so somebody writes until it has.
    for _ in range(MOST_TRIES):
        sent = street.shelter.run("send", "message", "--to=MERCY", words=WORDS)
        assert sent.returncode == 0, sent.stderr
        if select.select([listening.stdout], [], [], 2)[0]:
            break
    told = listening.stdout.readline()
    listening.send_signal(signal.SIGINT)
    rest, _ = listening.communicate(timeout=20)

    assert told == "Something came.\n"
    assert WORDS not in told + rest
    assert listening.returncode == 130
    # The store was free all the while, and nothing was acknowledged in its place.
    assert WORDS in street.hospital.run("inbox").stdout
