"""What has expired is gone from a running device, from its disk and after its next start."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.client_sdk.agencies import HOSPITAL, SHELTER, WHOLE_REFERRAL, Agencies
from tests.controls import without

from quietway.client import AsyncClient
from quietway.content import MessageText, ReferralPacket
from quietway.engine.codec import OUTBOX, PARCEL
from quietway.records import CONTENT_KINDS, MESSAGE
from quietway.store.shelves import RECORD_KEY
from quietway.testing.sandbox import PASSPHRASE
from quietway_schemas.envelope import EnvelopeClass
from quietway_schemas.ids import CaseRef
from quietway_schemas.instants import DAY, SECOND

if TYPE_CHECKING:
    from quietway.store.memory import MemoryStore

A_DAY = DAY / SECOND
CASE = CaseRef(b"the-case-of-ours")


async def texts(client: AsyncClient) -> list[str]:
    return [
        said.content.text for said in await client.inbox() if isinstance(said.content, MessageText)
    ]


async def packets(client: AsyncClient) -> int:
    return sum(isinstance(said.content, ReferralPacket) for said in await client.inbox())


async def rows_of_content(store: MemoryStore) -> int:
    return sum([len(await store.scan(kind)) for kind in CONTENT_KINDS])


async def speak_and_wait(agencies: Agencies, days: float) -> tuple[AsyncClient, AsyncClient]:
    """Say something of either class, and let days pass with a synchronisation in each week."""
    shelter, hospital = await agencies.found_partners(SHELTER, HOSPITAL)
    await shelter.messages.send("Are you there?", to="MERCY")
    await shelter.referrals.send("MERCY", **WHOLE_REFERRAL)
    await hospital.sync()
    await wait(agencies, days, shelter, hospital)
    return shelter, hospital


async def wait(agencies: Agencies, days: float, *clients: AsyncClient) -> None:
    while days > 0:
        agencies.clock.advance(min(days, 6) * A_DAY)
        days -= 6
        for client in clients:
            report = await client.sync()
            assert report.problems == ()


@pytest.mark.requirement("A59")
async def test_a_message_is_gone_after_its_retention_and_a_referral_is_not(
    agencies: Agencies,
) -> None:
    """A59: retention classes; what is over is shredded by its key, and purged here."""
    _, hospital = await speak_and_wait(agencies, 34)
    assert (await texts(hospital), await packets(hospital)) == (["Are you there?"], 1)
    await wait(agencies, 2, hospital)
    assert (await texts(hospital), await packets(hospital)) == ([], 1)
    assert len(await agencies.stores[HOSPITAL].scan(MESSAGE)) == 1
    await wait(agencies, 365, hospital)
    assert await packets(hospital) == 0
    assert await rows_of_content(agencies.stores[HOSPITAL]) == 0
    assert await agencies.stores[HOSPITAL].scan(RECORD_KEY) == ()
    assert dict(hospital._agent.keyring.record_names()) == {}


@pytest.mark.requirement("A59")
async def test_control_without_the_erasing_everything_stays(
    agencies: Agencies, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A59: without the erasing of keys that are due, all of it is still read a year later."""
    erase = "quietway.keyring.keyring:Keyring.erase_due"
    from quietway.keyring.keyring import Erased  # noqa: PLC0415 - the control's own stand-in

    without(monkeypatch, erase, lambda *_: Erased())
    _, hospital = await speak_and_wait(agencies, 400)
    assert (await texts(hospital), await packets(hospital)) == (["Are you there?"], 1)


async def assert_only_fresh_grants(shelter: AsyncClient, agencies: Agencies) -> None:
    """Nothing said is left, and after the next sync nothing that is over, whatever it is."""
    assert all(held.quiet for held in shelter._agent.state.outbox.values())
    await shelter.sync()
    left = shelter._agent.state.outbox.values()
    assert {held.kind for held in left} <= {"audience.list", "lane.grant"}
    assert all(held.expires > agencies.clock.now() for held in left)
    assert len(await agencies.stores[SHELTER].scan(OUTBOX)) == len(left)


async def test_the_outbox_of_a_running_device_holds_nothing_that_is_over(
    agencies: Agencies,
) -> None:
    shelter, _ = await agencies.found_partners(SHELTER, HOSPITAL)
    agencies.clock.advance(4 * A_DAY)
    await shelter.messages.send("Said on a Friday.", to="MERCY")
    # Its week ends earlier than the outbox would let go of it.
    agencies.clock.advance(30.4 * A_DAY)
    assert len(await shelter.outbox()) == 1
    agencies.clock.advance(0.3 * A_DAY)
    report = await shelter.retention.sweep()
    assert (report.records, report.problem) == (1, None)
    assert report.messages == 2
    assert await shelter.outbox() == []
    await assert_only_fresh_grants(shelter, agencies)


async def test_sealed_records_go_with_their_entry_also_at_the_next_start(
    agencies: Agencies,
) -> None:
    shelter, _ = await agencies.found_partners(SHELTER, HOSPITAL)
    agencies.relay.losing_answers = True
    shelter._agent._clock_vouched_at = None
    await shelter.messages.send("Maybe.", to="MERCY")
    agencies.relay.losing_answers = False
    agent = shelter._agent
    await shelter.sync()
    agencies.clock.advance(4 * A_DAY)
    agencies.relay.offline = True
    await shelter.messages.send("Said on a Friday, and never sent.", to="MERCY")
    agencies.relay.offline = False
    agencies.clock.advance(30.7 * A_DAY)
    # Killed after the keyring had forgotten the key.
    await agent.check_clock()
    assert agent.keyring.erase_due(agencies.clock.now()).records
    await shelter.aclose()
    store = agencies.stores[SHELTER]
    again = await agencies.reopen(SHELTER)
    assert await again.outbox() == []
    await assert_only_fresh_grants(again, agencies)
    assert await store.scan(PARCEL) == ()


async def test_an_erasure_that_was_cut_off_before_the_rows_is_ended_at_the_next_start(
    agencies: Agencies, monkeypatch: pytest.MonkeyPatch
) -> None:
    class CutOffError(BaseException):
        pass

    async def cut_off(*_: object, **__: object) -> None:
        raise CutOffError

    _, hospital = await speak_and_wait(agencies, 34)
    store = agencies.stores[HOSPITAL]
    before = await rows_of_content(store)
    agencies.clock.advance(2 * A_DAY)
    with monkeypatch.context() as crash:
        without(crash, "quietway.store.shelved:ShelvedStore.drop_gone", cut_off)
        with pytest.raises(CutOffError):
            await hospital.sync()
    assert await rows_of_content(store) == before
    # Nobody is shown it even so.
    assert await texts(hospital) == []
    await hospital.aclose()
    again = await agencies.reopen(HOSPITAL)
    assert await rows_of_content(store) < before
    assert (await texts(again), await packets(again)) == ([], 1)


async def test_a_hold_keeps_what_is_over_until_it_is_released(agencies: Agencies) -> None:
    shelter, hospital = await agencies.found_partners(SHELTER, HOSPITAL)
    kept = await shelter.messages.send("To be kept.", to="MERCY")
    await shelter.messages.send("Not to be kept.", to="MERCY")
    await hospital.sync()
    laid = await hospital.retention.hold(kept.conversation)
    assert await hospital.retention.holds() == [laid]
    assert await hospital.retention.hold(str(kept.conversation)) == laid
    await wait(agencies, 400, hospital)
    assert await texts(hospital) == ["To be kept."]
    await hospital.aclose()
    again = await agencies.reopen(HOSPITAL)
    assert await texts(again) == ["To be kept."]
    await again.retention.release(kept.conversation)
    assert await again.retention.holds() == []
    await again.sync()
    assert await texts(again) == []


async def test_a_hold_on_a_case_keeps_its_answers_too_under_whatever_name(
    agencies: Agencies,
) -> None:
    shelter, hospital = await agencies.found_partners(SHELTER, HOSPITAL)
    sent = await shelter.referrals.send("MERCY", **WHOLE_REFERRAL, case_ref=CASE)
    await shelter.referrals.send("MERCY", **WHOLE_REFERRAL)
    await hospital.sync()
    assert sent.referral_ref is not None
    await hospital.referrals.acknowledge(sent.referral_ref)
    await shelter.sync()
    # The shelter's own reference; the hospital knows the case by another.
    await shelter.retention.hold(CASE)
    (theirs,) = [
        said.content.case_ref
        for said in await hospital.inbox()
        if isinstance(said.content, ReferralPacket) and said.content.case_ref is not None
    ]
    await hospital.retention.hold(theirs)
    await wait(agencies, 400, shelter, hospital)
    for client in (shelter, hospital):
        (referral,) = await client.referrals.list()
        assert (referral.ref, referral.state) == (sent.referral_ref, "accepted")


async def test_a_hold_keeps_no_key_that_envelopes_are_sealed_to(agencies: Agencies) -> None:
    shelter, hospital = await agencies.found_partners(SHELTER, HOSPITAL)
    sent = await shelter.messages.send("To be kept.", to="MERCY")
    await hospital.sync()
    await hospital.retention.hold(sent.conversation)
    await wait(agencies, 60, hospital)
    for class_ in EnvelopeClass:
        oldest = min(hospital._agent.keyring.epochs(class_))
        assert class_.epoch_end(oldest) + class_.life_ms > agencies.clock.now() - 3 * 3_600_000


async def test_control_a_hold_that_the_keyring_does_not_hear_of_keeps_nothing(
    agencies: Agencies, monkeypatch: pytest.MonkeyPatch
) -> None:
    without(monkeypatch, "quietway.keyring.keyring:Keyring.set_erase_after", lambda *_: None)
    shelter, hospital = await agencies.found_partners(SHELTER, HOSPITAL)
    sent = await shelter.messages.send("To be kept.", to="MERCY")
    await hospital.sync()
    await hospital.retention.hold(sent.conversation)
    await wait(agencies, 60, hospital)
    assert await texts(hospital) == []


async def reopen_older_copy(agencies: Agencies) -> AsyncClient:
    client = await AsyncClient.open(
        agencies.folder / HOSPITAL,
        passphrase=PASSPHRASE,
        accept_older_copy=True,
        relay_port=agencies.relay.connect,
        clock=agencies.clock,
        entropy=agencies.entropy,
        store=agencies.stores[HOSPITAL],
    )
    agencies._open.push_async_callback(client.aclose)
    return client


def public_keys(client: AsyncClient) -> dict[tuple[int, int], bytes]:
    keyring = client._agent.keyring
    return {
        (class_, epoch): pair.public
        for class_ in EnvelopeClass
        for epoch in keyring.epochs(class_)
        if (pair := keyring.epoch_pair(class_, epoch, 2)) is not None
    }


async def test_who_goes_on_with_an_older_copy_has_new_keys_under_the_same_numbers(
    agencies: Agencies,
) -> None:
    shelter, hospital = await agencies.found_partners(SHELTER, HOSPITAL)
    before = public_keys(hospital)
    await hospital.aclose()
    again = await reopen_older_copy(agencies)
    assert public_keys(again) == {}
    assert (await again.sync()).problems == ()
    after = public_keys(again)
    assert after.keys() == before.keys()
    assert not set(after.values()) & set(before.values())
    await shelter.sync()
    await shelter.messages.send("Sealed to the new ones.", to="MERCY")
    await again.sync()
    assert await texts(again) == ["Sealed to the new ones."]


async def test_control_without_destroying_the_seeds_an_older_copy_keeps_its_keys(
    agencies: Agencies, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, hospital = await agencies.found_partners(SHELTER, HOSPITAL)
    before = public_keys(hospital)
    await hospital.aclose()
    without(monkeypatch, "quietway.keyring.keyring:Keyring.destroy_epoch_seeds", lambda _: 0)
    assert public_keys(await reopen_older_copy(agencies)) == before


async def test_what_comes_under_a_hold_is_held_before_anybody_sweeps(
    agencies: Agencies, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A device that is locked right after a message came deletes by the times in its keyring."""

    async def hears_of(words: str) -> list[int]:
        known = set(hospital._agent.keyring.record_names())
        await shelter.messages.send(words, conversation=sent.conversation, to="MERCY")
        await hospital.sync()
        times = hospital._agent.keyring.record_names()
        return [times[name] for name in times.keys() - known]

    shelter, hospital = await agencies.found_partners(SHELTER, HOSPITAL)
    sent = await shelter.messages.send("Are you there?", to="MERCY")
    await hospital.sync()
    await hospital.retention.hold(sent.conversation)
    await wait(agencies, 8, shelter, hospital)
    assert await hears_of("In another week.") == [0]
    # Control: without it the new week's key dies in its time until somebody sweeps.
    await wait(agencies, 8, shelter, hospital)
    without(monkeypatch, "quietway.store.shelved:ShelvedStore.hold", lambda *_: None)
    hospital._agent.shelved._held = frozenset()
    (time,) = await hears_of("And in another one.")
    assert time > 0
