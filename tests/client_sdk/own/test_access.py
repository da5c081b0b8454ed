"""Who looked at what: written where it happens, read by auditors, and nothing of it lost unseen."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from tests.client_sdk.agencies import HOSPITAL, SHELTER, WHOLE_REFERRAL
from tests.client_sdk.agent.faults import FULL, Fate, FaultyStore
from tests.client_sdk.own.linked import link, settle
from tests.controls import without

from quietway import (
    AccessFileRefused,
    ContentRefused,
    NotFound,
    RoleRefused,
    StorageFull,
    verify_access_file,
)
from quietway.content import MessageId
from quietway.own.accesses import _read_kept
from quietway.ports import Delete
from quietway.records import ACCESS
from quietway.sealing import hash_core
from quietway.views.access import KeptEvent, verify_logs
from quietway.views.access_file import AccessFile
from quietway_schemas.envelope import Core
from quietway_schemas.instants import DAY, MINUTE, SECOND

if TYPE_CHECKING:
    from tests.client_sdk.agencies import Agencies

    from quietway import AsyncClient
    from quietway.views.access import AccessLog


async def keep(client: AsyncClient) -> list[KeptEvent]:
    return [_read_kept(row.value) for row in await client._agent.store.scan(ACCESS)]


async def found_with_auditor(
    agencies: Agencies, *, messages: int = 3
) -> tuple[AsyncClient, AsyncClient, list[MessageId]]:
    """Found a shelter with an auditor's device, to which a hospital has written."""
    shelter, hospital = await agencies.found_partners(SHELTER, HOSPITAL)
    auditor = await link(agencies, shelter, "auditor", roles=("auditor",))
    await settle(hospital, shelter)
    for number in range(messages):
        await hospital.messages.send(f"Message {number}.", to="HARBOR")
    await shelter.sync()
    return shelter, auditor, [held.message_id for held in await shelter.inbox()]


async def open_each(shelter: AsyncClient, names: list[MessageId]) -> None:
    for name in names:
        assert await shelter.access.record("open", messages=[name]) == 1


def verify_as(auditor: AsyncClient, kept: list[KeptEvent]) -> AccessLog:
    keys = auditor._agent.directory

    def find_key(device: object) -> bytes | None:
        signer = keys.signer(auditor._agent.keyring.agency, device)  # type: ignore[arg-type]  # a device
        return None if signer is None else signer.identity_key

    (log,) = verify_logs(kept, reader=auditor.device_id, find_key=find_key)
    return log


@pytest.mark.requirement("A11")
async def test_what_was_opened_is_a_signed_line_in_a_chain_that_the_auditor_reads(
    agencies: Agencies,
) -> None:
    """A11: on opening the SDK writes a signed, hash-chained event, sealed to the auditor."""
    shelter, auditor, names = await found_with_auditor(agencies)
    await open_each(shelter, names)
    await shelter.access.record("export", messages=names, purpose="audit")
    await settle(shelter, auditor)
    own, log = await auditor.access.log()
    assert (own.device, own.is_own, own.entries) == (auditor.device_id, True, ())
    assert (log.device, log.findings, log.missing) == (shelter.device_id, (), ())
    assert [entry.number for entry in log.entries] == [0, 1, 2, 3]
    assert [entry.message_ids for entry in log.entries[:3]] == [(name,) for name in names]
    last = log.entries[3]
    assert (last.action, last.purpose, set(last.message_ids)) == ("export", "audit", {*names})
    cores = [Core.unpack(held.core) for held in await keep(auditor)]
    assert len({core.conversation for core in cores}) == 1
    assert sorted(core.seq for core in cores) == [1, 2, 3, 4]


@pytest.mark.requirement("A11")
async def test_a_line_that_is_dropped_altered_or_moved_shows(
    agencies: Agencies, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A11: access logs so that viewing is traceable; the control takes the verification away."""
    shelter, auditor, names = await found_with_auditor(agencies)
    await open_each(shelter, names)
    await settle(shelter, auditor)
    kept = sorted(await keep(auditor), key=lambda held: Core.unpack(held.core).seq)
    assert verify_as(auditor, kept).findings == ()
    dropped = [kept[0], kept[2]]
    altered = [kept[0], _alter(kept[1], names[0], names[1]), kept[2]]
    forked = [*kept, _alter(kept[1], names[0], names[1])]
    renumbered = [replace(held, core=_renumber(held.core, {1: 2, 2: 1})) for held in kept]
    assert verify_as(auditor, dropped).missing == ((1, 1),)
    assert verify_as(auditor, kept[1:]).begins_at == 1
    assert "gap" in verify_as(auditor, kept[1:]).findings
    assert verify_as(auditor, altered).findings == ("altered", "broken_link")
    assert "fork" in verify_as(auditor, forked).findings
    assert {"altered", "out_of_order"} <= set(verify_as(auditor, renumbered).findings)
    assert verify_as(auditor, [*kept[:2], replace(kept[2], core=b"?")]).unreadable == 1
    # Control: without the signatures' check, a chain that was written anew passes for the device's.
    anew = _chain_anew([kept[0], _alter(kept[1], names[0], names[1]), kept[2]])
    assert verify_as(auditor, anew).findings == ("altered",)
    without(monkeypatch, "quietway.views.access:is_signed", lambda *_: True)
    assert verify_as(auditor, anew).findings == ()


def _alter(held: KeptEvent, one: MessageId, other: MessageId) -> KeptEvent:
    """Write another message's id over the one that was looked at."""
    swap = {str(one): str(other), str(other): str(one)}
    text = held.core.decode("latin-1")
    for name in swap:
        text = text.replace(name, f"<{name}>")
    for name, becomes in swap.items():
        text = text.replace(f"<{name}>", becomes)
    assert text != held.core.decode("latin-1")
    return replace(held, core=text.encode("latin-1"))


def _renumber(core: bytes, numbers: dict[int, int]) -> bytes:
    for number, becomes in numbers.items():
        if b'"number":%d,' % number in core:
            return core.replace(b'"number":%d,' % number, b'"number":%d,' % becomes)
    return core


def _chain_anew(kept: list[KeptEvent]) -> list[KeptEvent]:
    made = [kept[0]]
    for held in kept[1:]:
        core = replace(Core.unpack(held.core), prev=hash_core(made[-1].core))
        made.append(replace(held, core=core.pack()))
    return made


async def test_a_change_of_auditors_begins_another_chain_and_goes_on_counting(
    agencies: Agencies,
) -> None:
    shelter, auditor, names = await found_with_auditor(agencies)
    await shelter.access.record("open", messages=names[:1])
    await settle(shelter, auditor)
    second = await link(agencies, shelter, "second", roles=("auditor",))
    await settle(shelter, auditor, second)
    await shelter.access.record("open", messages=names[1:2])
    await settle(shelter, auditor, second)
    _, first_log = await auditor.access.log()
    assert ([entry.number for entry in first_log.entries], first_log.findings) == ([0, 1], ())
    _, second_log = await second.access.log()
    # Who comes later sees from where on there is a log, and that it did not begin there.
    assert (second_log.begins_at, second_log.missing) == (1, ((0, 0),))


async def test_an_agency_without_an_auditor_keeps_its_lines_and_its_count(
    agencies: Agencies,
) -> None:
    shelter, hospital = await agencies.found_partners(SHELTER, HOSPITAL)
    await hospital.messages.send("Come at once.", to="HARBOR")
    await shelter.sync()
    (received,) = await shelter.inbox()
    await shelter.access.record("open", messages=[received.message_id])
    kinds = {held.kind for held in shelter._agent.state.outbox.values()}
    assert "access.event" not in kinds
    with pytest.raises(RoleRefused):
        await shelter.access.log()
    auditor = await link(agencies, shelter, "auditor", roles=("auditor", "shelter_staff"))
    await shelter.access.record("print", messages=[received.message_id])
    await settle(shelter, auditor)
    _, log = await auditor.access.log()
    assert ([entry.action for entry in log.entries], log.missing) == (["print"], ((0, 0),))


async def test_lines_show_nowhere_but_in_the_log(agencies: Agencies) -> None:
    shelter, auditor, names = await found_with_auditor(agencies)
    await shelter.access.record("open", messages=names)
    await settle(shelter, auditor)
    assert [held.kind for held in await shelter.outbox()] == []
    assert await auditor.inbox() == []
    assert len((await auditor.access.log())[1].entries) == 1


async def test_what_is_not_here_or_no_action_leaves_no_line(agencies: Agencies) -> None:
    shelter, auditor, names = await found_with_auditor(agencies, messages=1)
    with pytest.raises(NotFound):
        await shelter.access.record("open", messages=[*names, MessageId(bytes(16))])
    with pytest.raises(ContentRefused):
        await shelter.access.record("look", messages=names)  # type: ignore[arg-type]  # no action
    assert await shelter.access.record("open") == 0
    await settle(shelter, auditor)
    assert len(await auditor.access.log()) == 1


async def test_many_messages_take_several_lines_and_lines_end_with_their_retention(
    agencies: Agencies,
) -> None:
    shelter, auditor, names = await found_with_auditor(agencies, messages=26)
    assert await shelter.access.record("export", messages=names) == 2
    await settle(shelter, auditor)
    assert [len(entry.message_ids) for entry in (await auditor.access.log())[1].entries] == [24, 2]
    for _ in range(13):
        agencies.clock.advance(29 * DAY // SECOND)
        await auditor.sync()
    assert len(await auditor.access.log()) == 1


async def found_with_case(
    agencies: Agencies,
) -> tuple[AsyncClient, AsyncClient, AsyncClient, object]:
    """Found a shelter with an auditor who works on cases too, and a case it spoke of."""
    shelter, hospital = await agencies.found_partners(SHELTER, HOSPITAL)
    both = await link(agencies, shelter, "both", roles=("auditor", "shelter_staff"))
    await settle(hospital, shelter)
    case = await shelter.cases.open()
    await shelter.board.set_barrier(case, "pet_care", to="MERCY")
    await settle(shelter, both)
    return shelter, both, hospital, case


@pytest.mark.requirement("A11")
async def test_whoever_opens_a_case_is_in_the_report_of_who_looked(
    agencies: Agencies, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A11: opening writes the event by itself; the control shows who would not be found."""
    shelter, both, _, case = await found_with_case(agencies)
    (entry,) = await shelter.cases.timeline(case, purpose="safety_coordination")  # type: ignore[arg-type]  # a case
    await settle(shelter, both)
    report = await both.access.who_looked(case=case)  # type: ignore[arg-type]  # a case
    (look,) = report.looks
    assert (look.device, look.program, look.roles) == (
        shelter.device_id,
        SHELTER,
        ("shelter_staff",),
    )
    assert (look.action, look.purpose, look.at) == (
        "open",
        "safety_coordination",
        agencies.clock.now(),
    )
    assert (look.messages, look.findings, look.is_own) == ((entry.message_id,), (), False)
    assert report.gaps == ()
    by_name = await both.access.who_looked(messages=look.messages)
    assert by_name == report
    # Control: a program that writes no line when it opens a case leaves nobody to be found.
    agencies.clock.advance(3_600)
    without(monkeypatch, "quietway.own.accesses:AccessLines.note_open", _write_nothing)
    await shelter.cases.timeline(case)  # type: ignore[arg-type]  # a case
    await settle(shelter, both)
    assert await both.access.who_looked(messages=look.messages) == report


async def _write_nothing(*_: object, **__: object) -> int:
    return 0


@pytest.mark.requirement("A11")
async def test_a_line_that_is_missing_stands_beside_the_report(agencies: Agencies) -> None:
    """A11: gaps are shown, so that a short list is not taken for a whole one."""
    shelter, both, _, case = await found_with_case(agencies)
    for purpose in ("audit", "safety_coordination", "legal_process"):
        await shelter.cases.timeline(case, purpose=purpose)  # type: ignore[arg-type]  # a case
    await settle(shelter, both)
    store = both._agent.store
    rows = await store.scan(ACCESS)
    middle = sorted(rows, key=lambda row: Core.unpack(_read_kept(row.value).core).seq)[1]
    await both._agent.settle(also=[Delete(ACCESS, middle.key)])
    report = await both.access.who_looked(case=case)  # type: ignore[arg-type]  # a case
    assert [look.purpose for look in report.looks] == ["audit", "legal_process"]
    assert [(gap.device, gap.missing) for gap in report.gaps] == [(shelter.device_id, ((1, 1),))]


async def test_one_call_is_one_look_and_a_page_drawn_anew_is_the_same_look(
    agencies: Agencies,
) -> None:
    shelter, both, hospital, _ = await found_with_case(agencies)
    sent = await hospital.referrals.send("HARBOR", **WHOLE_REFERRAL)
    await settle(shelter)
    assert sent.referral_ref is not None
    for _ in range(3):
        opened = await shelter.referrals.open(sent.referral_ref, purpose="service_referral")
        assert opened.ref == sent.referral_ref
    await shelter.referrals.open(sent.referral_ref)
    agencies.clock.advance(15 * MINUTE // SECOND)
    await shelter.referrals.open(sent.referral_ref)
    await settle(shelter, both)
    report = await both.access.who_looked(referral=sent.referral_ref)
    assert [look.purpose for look in report.looks] == ["service_referral", None, None]


async def test_nothing_is_shown_whose_line_can_not_be_written(
    agencies: Agencies,
) -> None:
    fate = Fate()
    agencies.stores[SHELTER] = FaultyStore(fate)
    shelter, _, _, case = await found_with_case(agencies)
    with pytest.raises(ContentRefused):
        await shelter.cases.timeline(case, purpose="curiosity")  # type: ignore[arg-type]  # a case
    fate.order(FULL, 1, of_store=True)
    with pytest.raises(StorageFull):
        await shelter.cases.timeline(case)  # type: ignore[arg-type]  # a case


async def test_who_looked_is_for_auditors_and_says_what_it_does_not_hold(
    agencies: Agencies,
) -> None:
    shelter, both, _, case = await found_with_case(agencies)
    for asked in (shelter.access.who_looked(case=case), shelter.access.export()):  # type: ignore[arg-type]  # a case
        with pytest.raises(RoleRefused):
            await asked
    unknown = MessageId(bytes(16))
    assert (await both.access.who_looked(messages=[unknown])).looks == ()
    for nothing in ({}, {"case": await both.cases.open()}):
        with pytest.raises(NotFound):
            await both.access.who_looked(**nothing)


@pytest.mark.requirement("A11")
async def test_a_third_party_checks_the_exported_lines_without_a_store(
    agencies: Agencies, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A11: lines that were dropped, altered or renumbered show to whoever is handed the file."""
    shelter, auditor, names = await found_with_auditor(agencies)
    await open_each(shelter, names)
    await settle(shelter, auditor)
    raw = await auditor.access.export()
    held = verify_access_file(raw)
    assert (held.holds, held.reader, set(held.words)) == (
        True,
        auditor.device_id,
        {shelter.device_id},
    )
    assert len(held.words[shelter.device_id].split()) == 8
    assert b"Message" not in raw
    found = {
        change: verify_access_file(_change_file(raw, change)).logs[0].findings
        for change in ("drop", "alter", "renumber", "another key")
    }
    assert found["drop"] == ("gap",)
    assert "altered" in found["alter"]
    assert {"altered", "out_of_order"} <= set(found["renumber"])
    assert found["another key"] == ("altered",)
    for wrong in (b"", b"{}", raw[:-1], raw + b" "):
        with pytest.raises(AccessFileRefused):
            verify_access_file(wrong)
    # Control: without the signatures' check, lines under anybody's key pass.
    without(monkeypatch, "quietway.views.access:is_signed", lambda *_: True)
    assert verify_access_file(_change_file(raw, "another key")).holds


def _change_file(raw: bytes, change: str) -> bytes:
    held = AccessFile.from_canonical(raw, max_bytes=len(raw))
    lines = sorted(held.lines, key=lambda line: Core.unpack(line.core).seq)
    if change == "drop":
        del lines[1]
    if change == "alter":
        lines[1] = lines[1].model_copy(update={"core": lines[1].core.replace(b'"open"', b'"prin"')})
    if change == "renumber":
        lines = [
            line.model_copy(update={"core": _renumber(line.core, {1: 2, 2: 1})}) for line in lines
        ]
    devices = held.devices
    if change == "another key":
        devices = tuple(one.model_copy(update={"identity_key": b"k" * 32}) for one in devices)
    return held.model_copy(update={"lines": tuple(lines), "devices": devices}).to_canonical()
