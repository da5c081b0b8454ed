"""Row 31: one envelope that stops everything behind it.

The attacker is any sender, or the relay: an envelope that never opens, or one by a certified
partner whose content makes the reader fall over, stands first in the mailbox and comes again after
each start. Defences: each envelope is judged by itself and acknowledged whatever comes out; what
does not open is kept aside and tried 5 times in all; contents are read by a decoder that refuses
what it does not know with an error of its own, whatever it is fed.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, NoReturn

import pytest
from tests.controls import without
from tests.gallery.parties import (
    CASE,
    FLASH,
    draw,
    make_core,
    make_header,
    seal_by_hand,
    send_row,
    sign_for,
    text,
)
from tests.gallery.world import World

from quietway.engine.inbox import MOST_ATTEMPTS
from quietway.sealing import BAD_CONTENT, UNDECRYPTABLE
from quietway_schemas.envelope import Core

if TYPE_CHECKING:
    from pathlib import Path

    from tests.gallery.parties import Someone
    from tests.gallery.world import Staff

    from quietway.reports import SyncReport

MESSAGES = 1_000
WORDS = ("one", "two", "three")
ROOM = CASE.content_room

POISONOUS_CONTENTS = {
    "5,000 digits": b'{"type":' + b"9" * 5_000 + b"}",
    "an exponent": b'{"type":1e999999}',
    "not a number": b'{"type":NaN}',
    "3,000 brackets": b"[" * 3_000 + b"]" * 3_000,
    "1,000 objects": b'{"a":' * 1_000 + b"1" + b"}" * 1_000,
    "half a surrogate": b'{"type":"\\ud800"}',
    "no UTF-8": b'{"type":"\xff\xfe"}',
    "a byte order mark": b"\xef\xbb\xbf{}",
    "a key twice": b'{"type":"message.text","type":"message.text"}',
    "a type that is a list": b'{"type":["message.text"]}',
    "a type that is an object": b'{"type":{"type":"message.text"}}',
    "no object": b'"message.text"',
    "null": b"null",
    "NUL": b"\0\0",
    "a known type and nothing else": b'{"dictionary_version":"0.1.0","type":"referral.packet"}',
    "all the room, one string": b'"' + b"a" * (ROOM - 2) + b'"',
    "all the room, white space": b" " * ROOM,
}


def _poison(to: Someone) -> bytes:
    header = make_header(to, FLASH, label="poison")
    return header.pack() + draw("noise", 32) * (FLASH.sealed_bytes // 32)


def _say(sender: Someone, to: Someone, content: bytes) -> bytes:
    """Sign and seal any content at all, as a certified partner can."""
    core = replace(Core.unpack(make_core(sender, text(), to, label="poison")), content=content)
    header = make_header(to, CASE, label="poison")
    signature = sign_for(sender.identity, to, header, core.pack())
    return seal_by_hand(to, header, signature + core.pack())


async def _meet(folder: Path) -> tuple[World, Staff, Staff]:
    world = World(folder)
    sender = await world.found("POLICE-DESK")
    return world, sender, await world.found("SHELTER-DESK", sender)


async def test_999_messages_pass_by_a_poison_at_the_first_place(tmp_path: Path) -> None:
    world, sender, victim = await _meet(tmp_path)
    words = [str(number) for number in range(MESSAGES - 1)]
    world.deliver(victim, _poison(victim), *send_row(sender, victim, words))
    attempts: list[int] = []
    reports: list[SyncReport] = []
    while len(reports) < MOST_ATTEMPTS + 2:
        reports.append(await victim.client.sync())
        attempts += [kept.attempts for kept in victim.client._agent.state.kept.values()]
    received = await victim.client.inbox()
    assert [said.content for said in received] == [text(said) for said in words]
    assert not any(said.gap for said in received)
    assert attempts == [1, 2, 3, 4]  # the fifth is the last
    assert sum(report.refused for report in reports) == 1
    assert await victim.notices() == [UNDECRYPTABLE]
    assert world.held_for(victim) == []


@pytest.mark.parametrize("name", POISONOUS_CONTENTS)
async def test_a_content_of_a_partner_that_nobody_can_read_stops_nothing(
    name: str, tmp_path: Path
) -> None:
    world, sender, victim = await _meet(tmp_path)
    poison = _say(sender, victim, POISONOUS_CONTENTS[name])
    world.deliver(victim, poison, *send_row(sender, victim, WORDS))
    report = await victim.client.sync()
    assert (report.received, report.refused, report.problems) == (3, 1, ())
    assert await victim.notices() == [BAD_CONTENT]
    assert world.held_for(victim) == []


def _fall_over(*_: object) -> NoReturn:
    raise RuntimeError("This envelope stops the reader.")


async def test_control_without_setting_it_aside_one_poison_stops_the_mailbox_for_good(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    without(monkeypatch, "quietway.engine.inbox:refuse", _fall_over)
    world, sender, victim = await _meet(tmp_path)
    world.deliver(victim, _poison(victim), *send_row(sender, victim, WORDS))
    for _ in range(MOST_ATTEMPTS + 1):
        with pytest.raises(RuntimeError):
            await victim.client.sync()
    assert await victim.texts() == []


async def test_control_with_a_decoder_that_raises_what_it_likes_one_content_stops_the_mailbox(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    without(monkeypatch, "quietway.sealing:_read_content", lambda raw, _class: json.loads(raw))
    world, sender, victim = await _meet(tmp_path)
    poison = _say(sender, victim, POISONOUS_CONTENTS["5,000 digits"])
    world.deliver(victim, poison, *send_row(sender, victim, WORDS))
    for _ in range(MOST_ATTEMPTS + 1):
        with pytest.raises(ValueError, match="digits"):
            await victim.client.sync()
    assert await victim.texts() == []
