"""F23: the relay is put back from a backup; its clients notice, and nothing is lost in silence.

Real relay, real clients with stores of their own. In each trial a backup is taken while the relay
serves, more is said and partly fetched, the relay dies, and the backup is put back. The controls
are a client that does not send again, which loses what nobody had fetched, and a relay without the
log's book, which every client takes for a fraud.
"""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, Final

import pytest
from tests.controls import without
from tests.faults.counts import FIRST_SEED, trials
from tests.journeys.conftest import Trio, code_of, found, trio_over
from tests.journeys.test_referral_over_a_real_relay import list_texts
from tests.relay_process import RelayProcess, hold_port, run_relay

from quietway import LogForked, RelayPutBack

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from quietway import Client

ROUNDS: Final = 3


@pytest.fixture
def trio(folder: Path) -> Iterator[Trio]:
    with RelayProcess(folder / "relay") as relay, trio_over(relay, folder) as made:
        yield made


def back_up(relay: RelayProcess, to: Path) -> None:
    done = run_relay("backup", str(to), "--database", str(relay.database))
    assert done.returncode == 0, done.stderr


def put_back(relay: RelayProcess, copy: Path, *more: str) -> None:
    relay.kill()
    with hold_port(relay.port):
        done = run_relay("restore", str(copy), "--yes", "--database", str(relay.database), *more)
        assert done.returncode == 0, done.stderr
        relay.restart()


def say(trio: Trio, texts: list[str]) -> None:
    for text in texts:
        trio.shelter.messages.send(text, to=code_of(trio.hospital))


def settle(trio: Trio) -> list[type]:
    """Let everyone ask a few times; give what they were told of."""
    return [
        type(problem)
        for _ in range(ROUNDS)
        for client in trio.everyone
        for problem in client.sync().problems
    ]


def missing(client: Client, said: list[str]) -> list[str]:
    heard = list_texts(client)
    assert len(heard) == len(set(heard)), "Something was told twice."
    return [text for text in said if text not in heard]


@pytest.mark.requirement("A51")
def test_a_relay_that_was_put_back_loses_nothing_that_its_clients_can_send_again(
    trio: Trio, folder: Path, report: Callable[[str], None]
) -> None:
    """A51: an interruption costs time, never a message."""
    draw, said, told = Random(FIRST_SEED), [], 0
    for trial in range(trials("F23")):
        copy = folder / f"backup-{trial}"
        before, fetched, waiting = (
            [f"{trial} {when} {n}" for n in range(draw.randint(1, 3))]
            for when in ("before", "fetched", "waiting")
        )
        say(trio, before)
        back_up(trio.relay, copy)
        say(trio, fetched)
        trio.hospital.sync()
        say(trio, waiting)
        # What this one publishes after the backup stays published.
        newcomer = found(trio.relay, folder / f"new-{trial}", f"NEW{trial}-DESK", "shelter_staff")
        newcomer.close()
        put_back(trio.relay, copy)
        problems = settle(trio)
        said += before + fetched + waiting
        assert set(problems) == {RelayPutBack}, problems
        assert problems.count(RelayPutBack) == len(trio.everyone)
        assert missing(trio.hospital, said) == []
        told += len(problems)
    report(f"{trials('F23')} put back, {len(said)} messages, none lost or twice; {told} times told")
    assert "log_recovered" not in trio.relay.output  # the command has done it


def test_control_a_client_that_does_not_send_again_loses_what_nobody_had_fetched(
    trio: Trio, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    without(monkeypatch, "quietway.engine.step:send_again", lambda state, _now: state)
    back_up(trio.relay, folder / "backup")
    say(trio, ["after"])
    put_back(trio.relay, folder / "backup")
    settle(trio)
    assert missing(trio.hospital, ["after"]) == ["after"]


def test_control_a_relay_without_the_logs_book_is_taken_for_a_fraud(
    trio: Trio, folder: Path
) -> None:
    relay, book = trio.relay, trio.relay.database.with_name("relay.db-log-book")
    back_up(relay, folder / "backup")
    found(relay, folder / "one", "ONE-DESK", "shelter_staff").close()
    trio.hospital.sync()
    relay.kill()
    book.unlink()
    refused = run_relay("restore", str(folder / "backup"), "--database", str(relay.database))
    assert refused.returncode == 2
    assert "the relay would sign a second log" in refused.stderr
    with hold_port(relay.port):
        put_back_without = run_relay(
            *("restore", str(folder / "backup"), "--yes", "--without-book"),
            *("--database", str(relay.database)),
        )
        assert put_back_without.returncode == 0, put_back_without.stderr
        relay.restart()
    found(relay, folder / "two", "TWO-DESK", "shelter_staff").close()
    found(relay, folder / "three", "THREE-DESK", "shelter_staff").close()
    assert LogForked in settle(trio)
