"""Clients with encrypted stores over a real relay that is killed and comes back."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest
from tests.client_sdk.agencies import HOSPITAL, SHELTER
from tests.relay_process import RelayProcess, wait_until

from quietway import Client
from quietway.content import MessageText
from quietway.events import ConnectionLost, Received
from quietway.testing.sandbox import FAST, PASSPHRASE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from quietway.events import Event


class Live:
    """Two agencies on one machine; the hospital follows what happens in a thread of its own."""

    def __init__(self, folder: Path, relay: RelayProcess) -> None:
        self.relay = relay
        self.shelter = self._found(folder, SHELTER)
        self.hospital = self._found(folder, HOSPITAL)
        self.hospital.partners.add(self.shelter.partners.invite("Mercy"))
        self.shelter.partners.add(self.hospital.partners.invite("Harbor"))
        self.hospital.sync()
        self.seen: list[Event] = []

    def _found(self, folder: Path, program: str) -> Client:
        return Client.found(
            folder / program,
            passphrase=PASSPHRASE,
            relay=self.relay.url,
            enrolment_code=self.relay.enroll(),
            agency_code=program.partition("-")[0],
            program=program,
            parameters=FAST,
        )

    def follow(self, until: str) -> threading.Thread:
        """Follow until a message with this text has come."""

        def work() -> None:
            for event in self.hospital.events():
                self.seen.append(event)
                if until in self.texts():
                    return

        thread = threading.Thread(target=work)
        thread.start()
        return thread

    def texts(self) -> list[str]:
        """What came live, in order."""
        return [
            event.content.text
            for event in self.seen
            if isinstance(event, Received) and isinstance(event.content, MessageText)
        ]


@pytest.fixture
def live(tmp_path: Path) -> Iterator[Live]:
    with RelayProcess(tmp_path / "relay") as relay:
        made = Live(tmp_path, relay)
        with made.shelter, made.hospital:
            yield made


@pytest.mark.requirement("A51")
def test_events_go_on_after_the_relay_was_killed_and_restarted(live: Live) -> None:
    """A51: what was sent while nobody could be reached comes once, in order, by itself."""
    following = live.follow(until="After.")
    live.shelter.messages.send("Before.", to="MERCY")
    wait_until(lambda: live.texts() == ["Before."])
    live.relay.kill()
    wait_until(lambda: any(isinstance(event, ConnectionLost) for event in live.seen))
    sent = live.shelter.messages.send("Meanwhile.", to="MERCY")
    assert sent.state == "not_yet_sent"
    live.relay.restart()
    live.shelter.sync()
    live.shelter.messages.send("After.", to="MERCY")
    following.join(timeout=60)
    assert not following.is_alive()
    assert live.texts() == ["Before.", "Meanwhile.", "After."]


def test_one_client_serves_many_threads_at_once(live: Live) -> None:
    problems: list[BaseException] = []

    def send(number: int) -> None:
        try:
            live.shelter.messages.send(f"Number {number}.", to="MERCY")
            live.shelter.outbox()
        except BaseException as problem:  # noqa: BLE001 - a thread's error would be lost
            problems.append(problem)

    threads = [threading.Thread(target=send, args=(number,)) for number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert problems == []
    assert live.hospital.sync().received == 12
    assert {entry.state for entry in live.shelter.outbox()} == {"stored_at_relay"}
