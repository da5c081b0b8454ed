"""Row 39: messages that nobody sees provoke receipts, and tell who is awake (Careless Whisper).

The attacker knows a mailbox and floods it with what can't be shown: boxes that don't open, forged
signatures, copies of what came before, types that nobody knows. If any of it made the device send
something, its owner's hours would show on the wire, and its battery would be the attacker's.
Defences: only what was opened, verified, is new and is shown to people is ever owed a receipt; and
receipts leave at ticks, whatever came.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from tests.controls import without
from tests.gallery.parties import FLASH, make_header, seal_by_hand, send_row, sign_for, unwrap
from tests.gallery.world import World

from quietway.engine.conversations import Standing
from quietway.engine.receipts import STORED, TICK_MS, Plan, note_received
from quietway_schemas.envelope import Core
from quietway_schemas.instants import SECOND

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import pytest
    from tests.gallery.world import Staff

    from quietway.engine.receipts import Due
    from quietway.engine.state import Line, State
    from quietway.sealing import Opened
    from quietway_schemas.instants import Instant

PROBES: Final = 1_000
SENT: Final = frozenset({"submit", "put_manifest", "put_epochs", "put_lanes"})


async def _meet(folder: Path) -> tuple[World, Staff, Staff]:
    world = World(folder)
    sender = await world.found("POLICE-DESK")
    victim = await world.found("SHELTER-DESK", sender)
    for staff in (sender, victim, sender, victim):
        await staff.client.sync()
    return world, sender, victim


def _sent(staff: Staff) -> list[object]:
    """List all that left a device and was no reading and no acknowledgement."""
    return [call for call in staff.seen if call[0] in SENT]


def make_probes(sender: Staff, victim: Staff, accepted: bytes) -> list[bytes]:
    """Make a thousand: boxes that don't open, forgeries, copies and unknown types."""
    signature, core = unwrap(victim, accepted)
    unknown = replace(
        Core.unpack(core),
        seq=1,
        content=b'{"dictionary_version":"0.1.0","schema_version":1,"type":"probe.silent"}',
    ).pack()
    probes: list[bytes] = []
    for number in range(PROBES // 4):
        header = make_header(victim, FLASH, label=f"probe {number}")
        signed = sign_for(sender.identity, victim, header, unknown)
        probes += [
            header.pack() + bytes(FLASH.sealed_bytes),
            seal_by_hand(victim, header, signature + core),
            accepted,
            seal_by_hand(victim, header, signed + unknown),
        ]
    return probes


async def live(folder: Path, *, probed: bool) -> tuple[Staff, list[object], list[object]]:
    """Let a message come, then perhaps the probes, then two ticks pass; gives what left."""
    world, sender, victim = await _meet(folder)
    accepted = send_row(sender, victim, ["The one message that is one."])[0]
    world.deliver(victim, accepted)
    await victim.client.sync()
    before = len(_sent(victim))
    if probed:
        world.deliver(victim, *make_probes(sender, victim, accepted))
    report = await victim.client.sync()
    assert report.received == 0 or not probed
    at_once = _sent(victim)[before:]
    for _ in range(2):
        world.clock.advance(TICK_MS / SECOND)
        await victim.client.sync()
    return victim, at_once, _sent(victim)[before:]


async def test_a_thousand_probes_cause_no_packet_at_once_or_at_a_tick(tmp_path: Path) -> None:
    victim, at_once, later = await live(tmp_path / "probed", probed=True)
    assert at_once == []
    _, _, without_probes = await live(tmp_path / "left alone", probed=False)
    assert later == without_probes
    assert len(await victim.texts()) == 1
    assert await victim.notices() == sorted([*["bad_content"] * 250, *["forged"] * 250])


async def test_control_where_copies_count_and_receipts_answer_at_once_the_probe_is_answered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def owe_again(state: State, opened: Opened) -> State:
        owed = dict(state.owed)
        owed.pop(opened.message_id.value, None)
        return note_received(replace(state, owed=owed), opened)

    def answer_at_once(line: Line, owed: Sequence[Due], *, now: Instant, chance: bytes) -> Plan:
        del chance
        return Plan(replace(line, due=now), bool(owed), STORED, tuple(owed))

    without(monkeypatch, "quietway.engine.inbox:judge", lambda *_: Standing.NEW)
    without(monkeypatch, "quietway.engine.inbox:note_received", owe_again)
    without(monkeypatch, "quietway.engine.receipts:plan_tick", answer_at_once)
    world, sender, victim = await _meet(tmp_path)
    accepted = send_row(sender, victim, ["The one message that is one."])[0]
    world.deliver(victim, accepted)
    await victim.client.sync()
    before = len(_sent(victim))
    for _ in range(3):
        world.deliver(victim, accepted)
        await victim.client.sync()
    assert len(_sent(victim)) == before + 3
