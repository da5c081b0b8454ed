"""What partners say of consent beyond any use: it is kept out, and counted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.client_sdk.agencies import HOSPITAL, SHELTER
from tests.client_sdk.consent.worlds import CASE, WHOLE, list_kinds
from tests.client_sdk.own.linked import link
from tests.client_sdk.own.linked import settle as settle_all
from tests.controls import without

from quietway.consent.bounding import MOST_AHEAD, MOST_STOPS, MOST_VERSIONS
from quietway.consent.keeping_out import count_kept_out
from quietway.consent.purging import MOST_OWED, OWED
from quietway.consent.rollback import ASKED, MOST_UNKNOWN, take_attestation, take_order
from quietway.consent.taking import take_consent
from quietway.consent.telling import compose_word, find_talk
from quietway.consents import CONSENT, Consents, find_consents, learn, write_consents
from quietway.engine.codec import Fields, write_row
from quietway.own.taken import Told
from quietway.policy.absolute import Stance
from quietway_schemas.content.consent import (
    ConsentGrant,
    ConsentPause,
    ConsentRevoke,
    InformedItems,
    PurgeAttestation,
    RollbackOrder,
)
from quietway_schemas.ids import CaseRef, ConversationId

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest
    from tests.client_sdk.agencies import Agencies

    from quietway import AsyncClient
    from quietway.own.taken import Taker
    from quietway_schemas.content.base import ContentModel
    from quietway_schemas.content.consent import Withdrawal
    from quietway_schemas.ids import AgencyId


async def settle(agencies: Agencies, *clients: AsyncClient) -> None:
    agencies.clock.advance(600)
    await settle_all(*clients)


def _order(client: AsyncClient, case: CaseRef, number: int = 1) -> RollbackOrder:
    return RollbackOrder(
        case_ref=case,
        order_id=number.to_bytes(16, "big"),
        due=client.now() + 3_600_000,
        reason_code="consent_revoked",
        nonce=number.to_bytes(16, "big"),
    )


def _attestation(client: AsyncClient, case: CaseRef, number: int) -> PurgeAttestation:
    return PurgeAttestation(
        case_ref=case,
        order_id=number.to_bytes(16, "big"),
        done_at=client.now(),
        method="delete",
        messages=1,
    )


async def _order_without_a_word(agencies: Agencies) -> list[str]:
    """A shelter's device orders what it said away, and nobody revoked anything."""
    shelter, hospital = await agencies.found_partners(SHELTER, HOSPITAL)
    await shelter.referrals.send("MERCY", **WHOLE)
    await settle(agencies, shelter, hospital)
    agent = shelter._agent
    alias = agent.cases.find(CASE, hospital.agency_id)
    assert alias is not None
    talk = await find_talk(agent, CASE, hospital.agency_id)
    await agent.settle(compose_word(agent, _order(shelter, alias), hospital.agency_id, talk))
    await settle(agencies, shelter, hospital)
    return await list_kinds(hospital)


async def test_an_order_does_nothing_before_the_word_that_it_follows(agencies: Agencies) -> None:
    assert await _order_without_a_word(agencies) == ["referral.packet"]


async def test_control_without_that_an_order_alone_deletes(
    agencies: Agencies, monkeypatch: pytest.MonkeyPatch
) -> None:
    without(monkeypatch, "quietway.consent.purging:_has_ground", lambda *_: True)
    assert await _order_without_a_word(agencies) == []


async def _flood(
    agencies: Agencies,
    take: Taker,
    make: Callable[[AsyncClient, CaseRef, int], ContentModel],
    kind: str,
    most: int,
    *,
    colleague: bool = False,
) -> tuple[int, int]:
    """Take in more of a partner than anybody needs; how many rows and how many kept out."""
    shelter, hospital = await agencies.found_partners(SHELTER, HOSPITAL)
    if colleague:
        await link(agencies, hospital, "ward")
    agent, device = hospital._agent, shelter.device_id
    kept = Fields(write_row(conversation=str(ConversationId(b"c" * 16))))
    for number in range(most + 5):
        case = CaseRef(number.to_bytes(16, "big"))
        content = make(shelter, case, number)
        taken = await take(agent, Told(shelter.agency_id, device, 1, content, kept))
        await agent.settle(also=taken.writes)
    counted = await count_kept_out(agent)
    return len(await agent.store.scan(kind)), counted.get(shelter.agency_id, 0)


async def test_orders_that_wait_for_a_word_are_bounded(agencies: Agencies) -> None:
    assert await _flood(agencies, take_order, _order, OWED, MOST_OWED) == (MOST_OWED, 5)


async def test_control_without_the_bound_there_is_a_row_for_each_order(
    agencies: Agencies, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def never(*_: object) -> bool:
        return False

    without(monkeypatch, "quietway.consent.purging:_has_enough", never)
    assert await _flood(agencies, take_order, _order, OWED, MOST_OWED) == (MOST_OWED + 5, 0)


async def test_attestations_of_orders_that_nobody_gave_are_kept_out_and_told(
    agencies: Agencies,
) -> None:
    rows, kept_out = await _flood(agencies, take_attestation, _attestation, ASKED, MOST_UNKNOWN)
    # There is no colleague whose order it could be.
    assert (rows, kept_out) == (0, MOST_UNKNOWN + 5)


async def test_control_without_the_bound_there_is_a_row_for_each_attestation(
    agencies: Agencies, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def always(*_: object) -> bool:
        return True

    without(monkeypatch, "quietway.consent.rollback:_may_come", always)
    rows, _ = await _flood(agencies, take_attestation, _attestation, ASKED, MOST_UNKNOWN)
    assert rows == MOST_UNKNOWN + 5


async def test_with_colleagues_some_wait_for_a_colleagues_order(agencies: Agencies) -> None:
    # Whoever has colleagues may be told of an order later than of its attestation.
    rows, kept_out = await _flood(
        agencies, take_attestation, _attestation, ASKED, MOST_UNKNOWN, colleague=True
    )
    assert (rows, kept_out) == (MOST_UNKNOWN, 5)


async def _attest_what_went_to_another(agencies: Agencies) -> tuple[list[str], str]:
    """The police attests what the hospital was ordered; what is written down, what is found."""
    shelter, _, police = await agencies.found_partners(SHELTER, HOSPITAL, "CITYPD-LIAISON")
    await shelter.referrals.send("MERCY", **WHOLE)
    await shelter.consent.revoke(CASE)
    (order,) = await shelter.consent.orders(CASE)
    agent = shelter._agent
    said = _attestation(police, CASE, 0).model_copy(update={"order_id": order.order_id})
    taken = await take_attestation(agent, Told(police.agency_id, police.device_id, 1, said))
    await agent.settle(also=taken.writes)
    (order,) = await shelter.consent.orders(CASE)
    assert [held.state for held in order.holders] == ["silent"]
    row = Fields(await agent.store.read(ASKED, order.order_id) or b"{}")
    findings = {held.name: held for held in await shelter.doctor()}
    return list(row.texts("attested")), findings["orders to delete"].detail


async def test_who_an_order_did_not_go_to_attests_nothing_of_it(agencies: Agencies) -> None:
    words, detail = await _attest_what_went_to_another(agencies)
    assert words == []
    assert "CITYPD" in detail


async def test_control_where_anybody_attests_it_a_word_is_written_down(
    agencies: Agencies, monkeypatch: pytest.MonkeyPatch
) -> None:
    without(monkeypatch, "quietway.consent.rollback:_went_to", lambda *_: True)
    words, detail = await _attest_what_went_to_another(agencies)
    assert len(words) == 1
    assert "CITYPD" not in detail


def _grant(client: AsyncClient, case: CaseRef, to: AgencyId, number: int) -> ConsentGrant:
    return ConsentGrant(
        case_ref=case,
        consent_id=number.to_bytes(16, "big"),
        recipient=to,
        scopes=("safehouse",),
        data_categories=("services",),
        purposes=("service_referral",),
        form="written",
        informed_items=InformedItems(**dict.fromkeys(InformedItems.model_fields, True)),
        not_before=client.now(),
        expires=client.now() + 3_600_000,
        signed_by="survivor",
        language="en",
        interpreter_used=False,
        witness=False,
        effective_at=client.now(),
        nonce=number.to_bytes(16, "big"),
    )


def _stop(
    client: AsyncClient, case: CaseRef, number: int, kind: type[Withdrawal] = ConsentPause
) -> Withdrawal:
    return kind(
        case_ref=case,
        effective_at=client.now(),
        method="oral",
        nonce=number.to_bytes(16, "big"),
    )


async def _take_all(
    agencies: Agencies, make: Callable[[AsyncClient, AgencyId, int], ContentModel], most: int
) -> tuple[AsyncClient, AsyncClient, int]:
    """Take in five more of a partner than are kept; how many were kept out."""
    shelter, hospital = await agencies.found_partners(SHELTER, HOSPITAL)
    for number in range(most + 5):
        await _take_one(shelter, hospital, make(shelter, hospital.agency_id, number))
    counted = await count_kept_out(hospital._agent)
    return shelter, hospital, counted.get(shelter.agency_id, 0)


async def _take_one(shelter: AsyncClient, hospital: AsyncClient, content: ContentModel) -> None:
    agent = hospital._agent
    taken = await take_consent(agent, Told(shelter.agency_id, shelter.device_id, 1, content))
    await agent.settle(also=taken.writes)


def _grant_of_a_new_case(client: AsyncClient, to: AgencyId, number: int) -> ConsentGrant:
    return _grant(client, CaseRef(number.to_bytes(16, "big")), to, number)


def _pause_of_one_case(client: AsyncClient, _: AgencyId, number: int) -> Withdrawal:
    return _stop(client, CASE, number)


async def test_releases_of_cases_that_nobody_heard_of_are_bounded(agencies: Agencies) -> None:
    shelter, hospital, kept_out = await _take_all(agencies, _grant_of_a_new_case, MOST_AHEAD)
    agent, sender = hospital._agent, shelter.agency_id
    assert (len(await agent.store.scan(CONSENT)), kept_out) == (MOST_AHEAD, 5)
    # A case that came meanwhile makes room for another one.
    case, late = CaseRef((3).to_bytes(16, "big")), CaseRef(b"late" * 4)
    agent.cases.add(case, sender, case)
    await _take_one(shelter, hospital, _grant(shelter, late, hospital.agency_id, 1))
    assert (await find_consents(agent.store, late, sender)).got.granted


async def test_control_without_that_bound_there_is_a_row_for_each_case(
    agencies: Agencies, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def note_nothing(*_: object) -> list[object]:
        return []

    without(monkeypatch, "quietway.consent.taking:note_ahead", note_nothing)
    _, hospital, kept_out = await _take_all(agencies, _grant_of_a_new_case, MOST_AHEAD)
    assert (len(await hospital._agent.store.scan(CONSENT)), kept_out) == (MOST_AHEAD + 5, 0)


async def _flood_one_case(agencies: Agencies) -> tuple[int, bool]:
    """Grant one case without end, then revoke it; how many versions, and whether that counts."""
    shelter, hospital = await agencies.found_partners(SHELTER, HOSPITAL)
    agent, mine = hospital._agent, hospital.agency_id
    known = Consents()
    for number in range(MOST_VERSIONS):
        known = learn(known, _grant(shelter, CASE, mine, number), by_us=False)
    await agent.settle(also=[write_consents(CASE, shelter.agency_id, known)])
    await _take_one(shelter, hospital, _grant(shelter, CASE, mine, MOST_VERSIONS))
    known = await find_consents(agent.store, CASE, shelter.agency_id)
    await _take_one(shelter, hospital, _stop(shelter, CASE, 1, ConsentRevoke))
    return len(known.got.decisions.current), agent.held_back.stops(CASE)


async def test_versions_of_one_case_are_bounded_and_a_stop_counts_all_the_same(
    agencies: Agencies,
) -> None:
    assert await _flood_one_case(agencies) == (MOST_VERSIONS, True)


async def test_control_without_that_bound_one_row_grows_without_end(
    agencies: Agencies, monkeypatch: pytest.MonkeyPatch
) -> None:
    without(monkeypatch, "quietway.consent.taking:is_beyond", lambda *_: False)
    assert await _flood_one_case(agencies) == (MOST_VERSIONS + 1, True)


async def _revoke_after_a_flood_of_pauses(agencies: Agencies) -> Stance:
    shelter, hospital, kept_out = await _take_all(agencies, _pause_of_one_case, MOST_STOPS)
    assert kept_out == 5
    await _take_one(shelter, hospital, _stop(shelter, CASE, 1, ConsentRevoke))
    known = await find_consents(hospital._agent.store, CASE, shelter.agency_id)
    return known.given.stance


async def test_a_partners_pauses_are_bounded_and_a_revocation_after_them_counts(
    agencies: Agencies,
) -> None:
    assert await _revoke_after_a_flood_of_pauses(agencies) is Stance.ENDED


async def test_control_where_the_bound_is_for_every_stop_the_revocation_is_lost(
    agencies: Agencies, monkeypatch: pytest.MonkeyPatch
) -> None:
    without(monkeypatch, "quietway.consent.bounding:_protects_more", lambda *_: False)
    assert await _revoke_after_a_flood_of_pauses(agencies) is Stance.PAUSED
