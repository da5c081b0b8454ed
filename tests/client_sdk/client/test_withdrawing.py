"""Taking a message back: what nobody fetched reaches nobody, and what was fetched is said so."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.client_sdk.agencies import HOSPITAL, POLICE, SHELTER
from tests.client_sdk.client.test_client import read_texts
from tests.client_sdk.own.linked import link
from tests.controls import without

from quietway import NotFound
from quietway.errors import RelayRefused
from quietway.ports import Put
from quietway.slips import KEPT, list_slips
from quietway.store.memory import MemoryStore
from quietway_schemas.instants import DAY, SECOND

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.client_sdk.agencies import Agencies

    from quietway import AsyncClient, Withdrawal
    from quietway.ports import Row
    from quietway_schemas.withdrawal import Slip


def outcomes(taken: Withdrawal) -> list[str]:
    return sorted(copy.outcome for copy in taken.copies)


async def state_of(client: AsyncClient, local_id: bytes) -> str:
    (state,) = [held.state for held in await client.outbox() if held.local_id == local_id]
    return state


async def test_what_was_not_fetched_is_taken_back_and_what_was_is_said_so(
    agencies: Agencies,
) -> None:
    shelter, hospital, police = await agencies.found_partners(SHELTER, HOSPITAL, POLICE)
    tablet = await link(agencies, shelter, "tablet")
    sent = await shelter.messages.send("Bed four is free.", to=["MERCY", "CITYPD"])
    await hospital.sync()
    taken = await shelter.withdraw(sent)
    assert outcomes(taken) == ["fetched", "taken_back", "taken_back"]
    assert (taken.count("taken_back"), taken.problem) == (2, None)
    assert await state_of(shelter, sent.local_id) == "partly_withdrawn"
    for client in (police, tablet, shelter):
        await client.sync()
    assert await read_texts(hospital) == ["Bed four is free."]
    assert await read_texts(police) == await read_texts(tablet) == []
    # The place stays empty, and its readers see that: nothing is hidden.
    await shelter.messages.send("Come tomorrow.", to=["MERCY", "CITYPD"])
    await police.sync()
    assert [held.gap for held in await police.inbox()] == [False]


async def test_what_was_never_sent_never_is(agencies: Agencies) -> None:
    shelter, hospital = await agencies.found_partners(SHELTER, HOSPITAL)
    agencies.relay.offline = True
    agencies.clock.advance(120)
    sent = await shelter.messages.send("Bed four is free.", to="MERCY")
    taken = await shelter.withdraw(sent.local_id)
    assert taken.copies == ()
    assert await state_of(shelter, sent.local_id) == "withdrawn"
    agencies.relay.offline = False
    report = await shelter.sync()
    assert (report.sent, report.waiting) == (0, 0)
    await hospital.sync()
    assert await read_texts(hospital) == []


async def test_without_the_network_it_is_asked_for_later_also_after_a_restart(
    agencies: Agencies,
) -> None:
    shelter, hospital = await agencies.found_partners(SHELTER, HOSPITAL)
    sent = await shelter.messages.send("Bed four is free.", to="MERCY")
    agencies.relay.offline = True
    taken = await shelter.withdraw(sent)
    assert outcomes(taken) == ["asked"]
    assert taken.problem is not None
    assert await state_of(shelter, sent.local_id) == "withdrawing"
    await shelter.aclose()
    agencies.relay.offline = False
    shelter = await agencies.reopen(SHELTER)
    await shelter.sync()
    assert await state_of(shelter, sent.local_id) == "withdrawn"
    await hospital.sync()
    assert await read_texts(hospital) == []


async def test_a_lost_answer_is_asked_for_again_and_nobody_claims_to_know(
    agencies: Agencies,
) -> None:
    shelter, hospital = await agencies.found_partners(SHELTER, HOSPITAL)
    sent = await shelter.messages.send("Bed four is free.", to="MERCY")
    agencies.relay.losing_answers = True
    assert outcomes(await shelter.withdraw(sent)) == ["asked"]
    agencies.relay.losing_answers = False
    await shelter.sync()
    assert outcomes(await shelter.withdraw(sent)) == ["uncertain"]
    await hospital.sync()
    assert await read_texts(hospital) == []


async def test_what_was_submitted_without_an_answer_is_not_submitted_again(
    agencies: Agencies,
) -> None:
    shelter, hospital = await agencies.found_partners(SHELTER, HOSPITAL)
    agencies.relay.losing_answers = True
    sent = await shelter.messages.send("Bed four is free.", to="MERCY")
    agencies.relay.losing_answers = False
    taken = await shelter.withdraw(sent)
    assert outcomes(taken) == ["taken_back"]
    await shelter.sync()
    await hospital.sync()
    assert await read_texts(hospital) == []


async def test_a_message_for_an_agency_that_could_not_be_written_to_is_stopped_too(
    agencies: Agencies,
) -> None:
    shelter, hospital, police = await agencies.found_partners(SHELTER, HOSPITAL, POLICE)
    await shelter.partners.pause("CITYPD")
    sent = await shelter.messages.send("Bed four is free.", to=["MERCY", "CITYPD"])
    await shelter.withdraw(sent)
    await shelter.partners.resume("CITYPD")
    for client in (shelter, hospital, police):
        await client.sync()
    assert await read_texts(hospital) == await read_texts(police) == []


async def test_what_is_not_known_or_no_message_is_refused(agencies: Agencies) -> None:
    (shelter,) = await agencies.found_partners(SHELTER)
    with pytest.raises(NotFound):
        await shelter.withdraw(bytes(16))


async def test_a_relay_that_gives_nothing_back_still_takes_what_is_new(
    agencies: Agencies, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: object, slips: Sequence[Slip]) -> list[bool]:
        raise RelayRefused("method_not_allowed", f"Not with {len(slips)}.")

    without(monkeypatch, "quietway.testing.relay:InMemoryRelay.take_back", refuse)
    shelter, hospital = await agencies.found_partners(SHELTER, HOSPITAL)
    sent = await shelter.messages.send("Bed four is free.", to="MERCY")
    assert outcomes(await shelter.withdraw(sent)) == ["asked"]
    await shelter.messages.send("Come tomorrow.", to="MERCY")
    assert (await shelter.sync()).problems == ()
    await hospital.sync()
    assert "Come tomorrow." in await read_texts(hospital)


async def test_a_slip_is_kept_for_each_copy_until_its_message_expires(agencies: Agencies) -> None:
    shelter, _ = await agencies.found_partners(SHELTER, HOSPITAL)
    store = shelter._agent.store
    await shelter.messages.send("Bed four is free.", to="MERCY")
    (slip,) = await list_slips(store)
    assert slip.kind.startswith(KEPT)
    agencies.clock.advance(3 * DAY / SECOND)
    await shelter.sync()
    assert len(await list_slips(store)) == 1
    agencies.clock.advance(2 * DAY / SECOND)
    await shelter.sync()
    assert await list_slips(store) == []


class Watched(MemoryStore):
    """Tells which kinds of rows are looked through."""

    __slots__ = ("scanned",)

    def __init__(self) -> None:
        super().__init__()
        self.scanned: list[str] = []

    async def scan(self, kind: str, *, after: int = 0, limit: int | None = None) -> Sequence[Row]:
        self.scanned.append(kind)
        return await super().scan(kind, after=after, limit=limit)


async def test_20_000_slips_are_passed_by_what_is_said_and_by_the_engines_state(
    agencies: Agencies,
) -> None:
    store = agencies.stores[SHELTER] = Watched()
    shelter, _ = await agencies.found_partners(SHELTER, HOSPITAL)
    await shelter.messages.send("Bed four is free.", to="MERCY")
    (slip,) = await list_slips(store)
    many = [
        Put(slip.kind, slip.key[:-4] + number.to_bytes(4, "big"), slip.to_row().value)
        for number in range(20_000)
    ]
    await store.commit(many)
    store.scanned.clear()
    await shelter.messages.send("Come tomorrow.", to="MERCY")
    await shelter.sync()
    assert not [kind for kind in store.scanned if kind.startswith(KEPT)]


async def test_control_without_slips_nothing_can_be_taken_back(
    agencies: Agencies, monkeypatch: pytest.MonkeyPatch
) -> None:
    without(monkeypatch, "quietway.engine.outbox:_slips", lambda *_: ())
    shelter, hospital = await agencies.found_partners(SHELTER, HOSPITAL)
    sent = await shelter.messages.send("Bed four is free.", to="MERCY")
    assert outcomes(await shelter.withdraw(sent)) == ["fetched"]
    await hospital.sync()
    assert await read_texts(hospital) == ["Bed four is free."]
