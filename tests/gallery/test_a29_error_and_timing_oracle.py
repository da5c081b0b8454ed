"""Row 29: what a device does with a broken envelope tells its attacker something about it.

The attacker is a sender, or the relay, who mangles envelopes in every way there is and watches what
the device does next on the network (Bleichenbacher's attack on Bridgefy; the timing of MTProto).
Defences: whatever an envelope is refused for, it is acknowledged like every good one and nothing
else happens; inside, everything that does not open is one error with one sentence; and one key,
that of (class, epoch, suite), is tried once, whatever is wrong. How long an attempt takes is
measured in bench, and not here: a test that reads a clock tells other stories on other machines.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from tests.controls import without
from tests.gallery.parties import (
    FLASH,
    HOSPITAL,
    NOW,
    POLICE,
    SHELTER,
    STRANGER,
    draw,
    make_core,
    make_header,
    seal_by_hand,
    send,
    sign_for,
    text,
)
from tests.gallery.world import World

from quietway.engine import inbox
from quietway.sealing import UNDECRYPTABLE, OpeningRefused, open_envelope
from quietway_crypto.errors import OPEN_ERROR_SENTENCE, OpenError
from quietway_crypto.seal import open_, seal
from quietway_crypto.suite_codes import Suite
from quietway_schemas.envelope import HEADER_BYTES, Core

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.gallery.parties import Someone
    from tests.gallery.world import Call, Staff

    from quietway.engine.inputs import EnvelopeRefused
    from quietway.engine.state import State
    from quietway_crypto.epoch import EpochKeyPair
    from quietway_schemas.envelope import EnvelopeClass

INNER = 1_424


def _flip(envelope: bytes, at: int) -> bytes:
    place = at % len(envelope)
    return envelope[:place] + bytes([envelope[place] ^ 1]) + envelope[place + 1 :]


def _good(sender: Someone, to: Someone) -> bytes:
    return send(sender, to, make_core(sender, text(), to), FLASH)


def _seal_inner(to: Someone, inner: bytes) -> bytes:
    header = make_header(to, FLASH)
    public = to.pair(FLASH, header.epoch, 2).public
    return header.pack() + seal(Suite.HYBRID, public, inner, header=header.pack())


def _seal_core(sender: Someone, to: Someone, **changed: object) -> bytes:
    core = replace(Core.unpack(make_core(sender, text(), to)), **changed).pack()  # type: ignore[arg-type] # fields of a core
    header = make_header(to, FLASH)
    return seal_by_hand(to, header, sign_for(sender.identity, to, header, core) + core)


def _forged(sender: Someone, to: Someone) -> bytes:
    core = make_core(sender, text(), to)
    return seal_by_hand(to, make_header(to, FLASH), draw("guess", 32) * 2 + core)


def _to_another_key(sender: Someone, to: Someone) -> bytes:
    envelope = _good(sender, HOSPITAL)
    return make_header(to, FLASH).pack() + envelope[HEADER_BYTES:]


UNOPENABLE: dict[str, Callable[[Someone, Someone], bytes]] = {
    "lattice share": lambda sender, to: _flip(_good(sender, to), HEADER_BYTES),
    "curve share": lambda sender, to: _flip(_good(sender, to), HEADER_BYTES + 1_088),
    "ciphertext": lambda sender, to: _flip(_good(sender, to), HEADER_BYTES + 1_120),
    "tag": lambda sender, to: _flip(_good(sender, to), -1),
    "envelope id": lambda sender, to: _flip(_good(sender, to), HEADER_BYTES - 1),
    "sealed to another key": _to_another_key,
    "padding": lambda _, to: _seal_inner(to, bytes(2) + b"\1" * (INNER - 2)),
    "length": lambda _, to: _seal_inner(to, b"\xff" * INNER),
    "core": lambda _, to: _seal_inner(to, (300).to_bytes(2, "big").ljust(INNER, b"\0")),
}
REFUSED: dict[str, Callable[[Someone, Someone], bytes]] = {
    **UNOPENABLE,
    "forged": _forged,
    "weaker suite": lambda sender, to: send(
        sender, to, make_core(sender, text(), to), FLASH, suite=1
    ),
    "expired": lambda sender, to: _seal_core(sender, to, created=NOW - 2, expires=NOW - 1),
    "from the future": lambda sender, to: _seal_core(sender, to, created=NOW + 3_600_000),
    "content": lambda sender, to: _seal_core(sender, to, content=b'{"type":"no such"}'),
    "another mailbox": lambda sender, to: _flip(_good(sender, to), 10),
    "another version": lambda sender, to: b"\2" + _good(sender, to)[1:],
}


async def _react(
    folder: Path, make: Callable[[Someone, Someone], bytes]
) -> tuple[list[Call], Staff]:
    """Deliver one envelope, let the device synchronise until it has given up, and say what it did.

    Every world is the same up to the envelope, so what differs is the device's reaction to it.
    """
    world = World(folder)
    sender = await world.found("POLICE-DESK")
    victim = await world.found("SHELTER-DESK", sender)
    victim.seen.clear()
    world.deliver(victim, make(sender, victim))
    for _ in range(inbox.MOST_ATTEMPTS + 1):
        await victim.client.sync()
    assert world.held_for(victim) == []
    return victim.seen, victim


@pytest.fixture(scope="module")
def usual(tmp_path_factory: pytest.TempPathFactory) -> list[Call]:
    """Give what a device does with a good message."""
    seen, victim = asyncio.run(_react(tmp_path_factory.mktemp("good"), _good))
    assert len(asyncio.run(victim.texts())) == 1
    return seen


@pytest.mark.parametrize("name", REFUSED)
async def test_the_network_sees_no_difference_between_a_broken_envelope_and_a_good_one(
    name: str, usual: list[Call], tmp_path: Path
) -> None:
    seen, victim = await _react(tmp_path, REFUSED[name])
    assert await victim.texts() == []
    assert len(await victim.notices()) == 1
    assert seen == usual


@pytest.mark.parametrize("name", UNOPENABLE)
def test_whatever_does_not_open_is_one_refusal_without_a_cause(name: str) -> None:
    with pytest.raises(OpeningRefused) as refused:
        SHELTER.open(UNOPENABLE[name](POLICE, SHELTER), POLICE)
    assert refused.value.reason == UNDECRYPTABLE
    assert str(refused.value) == UNDECRYPTABLE
    assert refused.value.__cause__ is None
    assert refused.value.__suppress_context__


@pytest.mark.parametrize("name", ["lattice share", "curve share", "ciphertext", "tag"])
def test_a_box_that_does_not_open_says_one_sentence(name: str) -> None:
    envelope = UNOPENABLE[name](POLICE, SHELTER)
    with pytest.raises(OpenError) as refused:
        open_(
            SHELTER.pair(FLASH, FLASH.epoch_of(NOW), 2),
            envelope[HEADER_BYTES:],
            header=envelope[:HEADER_BYTES],
        )
    assert str(refused.value) == OPEN_ERROR_SENTENCE


@pytest.mark.parametrize("name", [*UNOPENABLE, "forged", "weaker suite", "expired", "content"])
def test_one_key_is_asked_for_once_whatever_is_wrong(name: str) -> None:
    asked: list[tuple[EnvelopeClass, int, int]] = []

    def find_and_count(class_: EnvelopeClass, epoch: int, suite: int) -> EpochKeyPair:
        asked.append((class_, epoch, suite))
        return SHELTER.pair(class_, epoch, suite)

    reader = replace(SHELTER.reading(POLICE), find_key=find_and_count)
    with pytest.raises(OpeningRefused):
        open_envelope(REFUSED[name](POLICE, SHELTER), reader=reader, now=NOW)
    suite = 1 if name == "weaker suite" else 2
    assert asked == [(FLASH, FLASH.epoch_of(NOW), suite)]


@pytest.mark.parametrize(("name", "shown"), [("tag", False), ("forged", True)])
async def test_control_a_device_that_leaves_what_it_cannot_open_shows_which_of_them_opened(
    name: str,
    shown: bool,
    usual: list[Call],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    genuine = inbox.refuse

    def refuse_or_wait(state: State, given: EnvelopeRefused) -> inbox.Outcome:
        return (state, ()) if given.reason == UNDECRYPTABLE else genuine(state, given)

    without(monkeypatch, "quietway.engine.inbox:refuse", refuse_or_wait)
    world = World(tmp_path)
    sender = await world.found("POLICE-DESK")
    victim = await world.found("SHELTER-DESK", sender)
    victim.seen.clear()
    world.deliver(victim, REFUSED[name](sender, victim))
    await victim.client.sync()
    assert ("acknowledge", (1,)) in usual
    assert (("acknowledge", (1,)) in victim.seen) is shown


async def test_a_stranger_causes_no_request_at_all(usual: list[Call], tmp_path: Path) -> None:
    """Who is not known yet may be tomorrow: it is kept, and the relay can't tell that from mail."""
    seen, victim = await _react(tmp_path, lambda _, to: _good(STRANGER, to))
    assert seen == usual
    assert await victim.notices() == []
