"""Agencies agree on what may flow: drafted by one, signed by each, in force once all have."""

from __future__ import annotations

from itertools import permutations
from typing import TYPE_CHECKING, Final

import pytest
from tests.client_sdk.agencies import HOSPITAL, POLICE, SHELTER
from tests.client_sdk.own.linked import link, settle
from tests.controls import without

from quietway import (
    AgreementRefused,
    AgreementSigned,
    ContentRefused,
    NotPermitted,
    WrongPassphrase,
)
from quietway.agreements import AgreementBook
from quietway.content import AgreementCell
from quietway.own.agreeing import carry_out, take_agreement
from quietway.own.taken import Told
from quietway.speaking import speak
from quietway.testing import Sandbox
from quietway.testing.sandbox import PASSPHRASE
from quietway_schemas.content.agreement import AgreementShared, SignedAgreement
from quietway_schemas.instants import DAY, SECOND

if TYPE_CHECKING:
    from tests.client_sdk.agencies import Agencies

    from quietway import AgreementReport, AsyncClient

LIFE: Final = 300 * DAY


def cell(*clients: AsyncClient, retention_days: int = 30) -> AgreementCell:
    return AgreementCell(
        categories=("narrative", "services", "status"),
        recipients=tuple(sorted(held.agency_id for held in clients)),
        purposes=("safety_coordination", "service_referral"),
        retention_days=retention_days,
        identifying=True,
    )


async def draft(
    one: AsyncClient,
    other: AsyncClient,
    *,
    retention_days: int = 30,
    matrix: AgreementCell | None = None,
    life: int = LIFE,
) -> AgreementReport:
    said = matrix or cell(one, other, retention_days=retention_days)
    now = one._agent.clock.now()
    return await one.agreements.draft(
        "county",
        parties=[other.agency_id],
        matrix=[said],
        expires=now + life,
        review_by=now + life - DAY,
    )


async def sign(client: AsyncClient, report: AgreementReport) -> AgreementReport:
    signed = await client.agreements.sign(report.agreement, passphrase=PASSPHRASE)
    await client.agreements.share(report.agreement)
    return signed


async def agree(
    one: AsyncClient,
    other: AsyncClient,
    *,
    retention_days: int = 30,
    matrix: AgreementCell | None = None,
    life: int = LIFE,
) -> AgreementReport:
    drafted = await draft(one, other, retention_days=retention_days, matrix=matrix, life=life)
    await sign(one, drafted)
    await other.sync()
    await sign(other, drafted)
    await one.sync()
    return drafted


def limits(client: AsyncClient, partner: AsyncClient) -> int:
    return len(client._agent.agreements.find_matrices(partner.agency_id))


@pytest.mark.requirement("B26", "A33")
async def test_an_agreement_does_nothing_until_every_party_has_signed(
    agencies: Agencies, monkeypatch: pytest.MonkeyPatch
) -> None:
    """B26: multi-party signing, inactive until all sign; A33: what flows, to whom, how long."""
    shelter, hospital = await agencies.found_partners(SHELTER, HOSPITAL)
    drafted = await draft(shelter, hospital)
    assert drafted.state == "unsigned"
    half = await sign(shelter, drafted)
    assert {held.agency_code: held.reason for held in half.parties} == {
        "HARBOR": "",
        "MERCY": "approval_missing",
    }
    await hospital.sync()
    (there,) = await hospital.agreements.list()
    assert (there.agreement, there.state) == (drafted.agreement, "unsigned")
    assert (limits(shelter, hospital), limits(hospital, shelter)) == (0, 0)
    told: list[object] = []
    shelter._agent.listeners.append(told.append)
    whole = await sign(hospital, drafted)
    await shelter.sync()
    (here,) = await shelter.agreements.list()
    assert (whole.state, here.state) == ("active", "active")
    assert [held.name for held in told if isinstance(held, AgreementSigned)] == ["county"]
    (matrix,) = shelter._agent.agreements.find_matrices(hospital.agency_id)
    (other,) = hospital._agent.agreements.find_matrices(shelter.agency_id)
    assert matrix.cells[0].retention_days == 30
    assert matrix.agreement_id != other.agreement_id, "two recipients share no name of it"
    # Control: were signatures not judged, one party's own word would be enough.
    without(monkeypatch, "quietway_protocol.approvals:_judge", lambda *_: "")
    alone = await draft(shelter, hospital, retention_days=99)
    assert (await sign(shelter, alone)).state != "unsigned"


async def test_what_is_in_force_outlives_a_restart(
    agencies: Agencies,
) -> None:
    shelter, hospital = await agencies.found_partners(SHELTER, HOSPITAL)
    drafted = await agree(shelter, hospital)
    await shelter.aclose()
    again = await agencies.reopen(SHELTER)
    (held,) = await again.agreements.list()
    assert (held.agreement, held.state) == (drafted.agreement, "active")


async def test_a_signature_that_does_not_hold_is_left_out_and_displaces_none(
    agencies: Agencies,
) -> None:
    shelter, hospital = await agencies.found_partners(SHELTER, HOSPITAL)
    drafted = await draft(shelter, hospital)
    signed = SignedAgreement.read((await sign(shelter, drafted)).raw)
    (approval,) = signed.approvals
    forged = approval.model_copy(update={"signature": bytes(64)})
    odd = SignedAgreement(payload=signed.payload, approvals=(forged,)).to_canonical()
    taken = await hospital.agreements.take(odd)
    assert SignedAgreement.read(taken.raw).approvals == ()
    kept = await shelter.agreements.take(odd)
    assert SignedAgreement.read(kept.raw).approvals == (approval,)


async def test_a_party_ends_it_alone_and_nothing_brings_it_back(
    agencies: Agencies,
) -> None:
    shelter, hospital = await agencies.found_partners(SHELTER, HOSPITAL)
    drafted = await agree(shelter, hospital)
    with pytest.raises(WrongPassphrase):
        await hospital.agreements.end(drafted.agreement, passphrase="not the passphrase at all")
    assert (
        await hospital.agreements.end(drafted.agreement, passphrase=PASSPHRASE)
    ).state == "ended"
    await shelter.sync()
    (here,) = await shelter.agreements.list()
    assert here.state == "ended"
    now = agencies.clock.now()
    (matrix,) = shelter._agent.agreements.find_matrices(hospital.agency_id)
    assert not matrix.is_active(now)
    await hospital.agreements.share(drafted.agreement)
    await shelter.sync()
    assert (await shelter.agreements.show(drafted.agreement)).state == "ended"
    with pytest.raises(AgreementRefused, match="over"):
        await shelter.agreements.sign(drafted.agreement, passphrase=PASSPHRASE)


@pytest.mark.requirement("A22")
async def test_an_agreement_is_explained_versioned_and_due_for_review(agencies: Agencies) -> None:
    """A22: documents are precise, accessible, versioned, and come up for review in time."""
    shelter, hospital = await agencies.found_partners(SHELTER, HOSPITAL)
    first = await agree(shelter, hospital)
    assert first.is_words_signed
    assert first.words.splitlines()[1] == (
        "- HARBOR, MERCY may be told: narrative, services, status. For: coordinating safety, "
        "a referral to a service. They keep it for at most 30 days. They may know who it is about, "
        "if that person has said yes to that."
    )
    assert await shelter.agreements.due_for_review() == []
    second = await agree(shelter, hospital, retention_days=10)
    assert (second.version, (await shelter.agreements.show(first.agreement)).state) == (
        2,
        "replaced",
    )
    (active,) = [held for held in await hospital.agreements.list() if held.state == "active"]
    assert active.agreement == second.agreement
    for _ in range(11):
        agencies.clock.advance(25 * DAY // SECOND)
        await shelter.sync()
    (due,) = await shelter.agreements.due_for_review()
    assert due.agreement == second.agreement


async def test_who_is_no_party_or_signed_another_text_signs_nothing(agencies: Agencies) -> None:
    shelter, hospital = await agencies.found_partners(SHELTER, HOSPITAL)
    drafted = await draft(shelter, hospital)
    other = await draft(shelter, hospital, retention_days=5)
    await sign(shelter, drafted)
    with pytest.raises(AgreementRefused, match="two_of_one_version"):
        await shelter.agreements.sign(other.agreement, passphrase=PASSPHRASE)
    with pytest.raises(AgreementRefused, match="unknown"):
        await hospital.agreements.show(bytes(32))
    with pytest.raises(AgreementRefused, match="not_read"):
        await hospital.agreements.show(b"{}")
    with pytest.raises(ContentRefused):
        await shelter.agreements.draft("county", parties=["MERCY"], matrix=[], expires=1)


@pytest.mark.requirement("B24")
async def test_what_the_agreement_does_not_name_is_not_sent(
    agencies: Agencies, monkeypatch: pytest.MonkeyPatch
) -> None:
    """B24: what may be shared with which agency: nothing is written, sealed or sent beside it."""
    shelter, hospital = await agencies.found_partners(SHELTER, HOSPITAL)
    await shelter.messages.send("Before there is an agreement.", to="MERCY")
    narrow = cell(shelter, hospital).model_copy(update={"categories": ("services", "status")})
    await agree(shelter, hospital, matrix=narrow)
    before = await shelter.outbox()
    with pytest.raises(NotPermitted, match="P20") as refused:
        await shelter.messages.send("In so many words.", to="MERCY")
    assert refused.value.ruling.missing == ("narrative",)
    assert await shelter.outbox() == before
    without(monkeypatch, "quietway.policy.rulings:find_limiting", lambda *_: ())
    assert (await shelter.messages.send("The control.", to="MERCY")).message_id is not None


async def test_a_new_device_goes_by_the_agreements_of_its_agency(agencies: Agencies) -> None:
    shelter, hospital = await agencies.found_partners(SHELTER, HOSPITAL)
    drafted = await agree(shelter, hospital)
    second = await link(agencies, shelter, "second")
    (held,) = await second.agreements.list()
    assert (held.agreement, held.state) == (drafted.agreement, "active")
    await settle(hospital)
    await hospital.agreements.end(drafted.agreement, passphrase=PASSPHRASE)
    await settle(shelter, second)
    assert (await second.agreements.show(drafted.agreement)).state == "ended"


async def test_an_end_that_comes_before_its_terms_counts_for_them(agencies: Agencies) -> None:
    shelter, hospital = await agencies.found_partners(SHELTER, HOSPITAL)
    drafted = await draft(shelter, hospital)
    await shelter.agreements.sign(drafted.agreement, passphrase=PASSPHRASE)
    await shelter.agreements.end(drafted.agreement, passphrase=PASSPHRASE)
    await hospital.sync()
    assert await hospital.agreements.list() == []
    await shelter.agreements.share(drafted.agreement)
    await hospital.sync()
    (there,) = await hospital.agreements.list()
    assert there.state == "ended"
    with pytest.raises(AgreementRefused, match="over"):
        await hospital.agreements.sign(drafted.agreement, passphrase=PASSPHRASE)


async def test_what_parties_say_comes_to_the_same_in_any_order_and_twice(
    agencies: Agencies,
) -> None:
    shelter, hospital = await agencies.found_partners(SHELTER, HOSPITAL)
    drafted = await agree(shelter, hospital)
    await hospital.agreements.end(drafted.agreement, passphrase=PASSPHRASE)
    agent = hospital._agent
    known = agent.agreements.find(drafted.agreement)
    assert known.signed is not None
    by_one, by_other = (
        AgreementShared(payload=known.signed.payload, approvals=(approval,))
        for approval in known.signed.approvals
    )
    for said in permutations((by_one, by_other, *known.ends, by_one)):
        agent.agreements = AgreementBook()
        for content in said:
            told = Told(shelter.agency_id, shelter.device_id, agencies.clock.now(), content)
            await carry_out(agent, await take_agreement(agent, told))
        assert agent.agreements.find(drafted.agreement) == known


async def test_who_is_no_party_is_not_heard(agencies: Agencies) -> None:
    shelter, hospital, police = await agencies.found_partners(SHELTER, HOSPITAL, POLICE)
    drafted = await draft(shelter, hospital)
    signed = await shelter.agreements.sign(drafted.agreement, passphrase=PASSPHRASE)
    with pytest.raises(AgreementRefused, match="not_a_party"):
        await police.agreements.take(signed.raw)
    said = AgreementShared(payload=SignedAgreement.read(signed.raw).payload)
    await speak(police._agent, said, to=[hospital.agency_id])
    await hospital.sync()
    assert await hospital.agreements.list() == []


def test_a_program_without_an_event_loop_agrees_in_the_same_way() -> None:
    with Sandbox(seed=7) as sandbox:
        shelter = sandbox.agency(SHELTER)
        hospital = sandbox.agency(HOSPITAL)
        drafted = shelter.agreements.draft(
            "county",
            parties=["MERCY"],
            matrix=[
                AgreementCell(
                    categories=("services",),
                    recipients=(hospital.agency_id,),
                    roles=("shelter_staff",),
                    purposes=("service_referral",),
                    retention_days=30,
                    identifying=False,
                )
            ],
            expires=sandbox.clock.now() + LIFE,
        )
        for client in (shelter, hospital):
            client.agreements.sign(drafted.agreement, passphrase=PASSPHRASE)
            client.agreements.share(drafted.agreement)
            sandbox.sync()
        (held,) = shelter.agreements.list()
        assert held.state == "active"
        assert shelter.agreements.due_for_review() == []
        assert "No se les dice de quién se trata." in shelter.agreements.explain(
            drafted.agreement, "es"
        )
        assert hospital.agreements.take(held.raw).state == "active"
        assert hospital.agreements.show(held.raw).agreement == drafted.agreement
        ended = hospital.agreements.end(drafted.agreement, passphrase=PASSPHRASE)
        assert ended.state == "ended"
