"""Roles decide who says what to whom, on both sides, whatever the relay serves."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.client_sdk.agencies import HOSPITAL, SHELTER, WHOLE_REFERRAL
from tests.client_sdk.own.linked import link, settle
from tests.controls import without

from quietway import RoleRefused
from quietway.history import count_notices
from quietway.testing.sandbox import PASSPHRASE

if TYPE_CHECKING:
    from tests.client_sdk.agencies import Agencies

    from quietway import AsyncClient


@pytest.mark.requirement("A01")
@pytest.mark.requirement("A60")
async def test_a_device_whose_roles_may_not_say_something_does_not_say_it(
    agencies: Agencies,
) -> None:
    """A01, A60: the SDK refuses what the current roles do not allow, by a typed error."""
    shelter, hospital = await agencies.found_partners(SHELTER, HOSPITAL)
    del hospital
    await shelter.devices.set_roles(shelter.device_id, ["auditor"], passphrase=PASSPHRASE)
    with pytest.raises(RoleRefused) as refused:
        await shelter.referrals.send("MERCY", **WHOLE_REFERRAL)
    assert (refused.value.kind, refused.value.direction) == ("referral.packet", "sent")
    assert "shelter_staff" in refused.value.roles
    assert "auditor" not in refused.value.roles
    assert await shelter.outbox() == []


@pytest.mark.requirement("A01")
async def test_what_nobody_there_may_receive_is_not_even_written_down(agencies: Agencies) -> None:
    """A01: allowed recipient roles; a status that reveals movement is for advocates and leads."""
    shelter, hospital = await agencies.found_partners(SHELTER, HOSPITAL)
    with pytest.raises(RoleRefused) as refused:
        await hospital.status.set("shelter_need_met", to="HARBOR")
    assert refused.value.direction == "received"
    assert await hospital.outbox() == []
    lead = await link(agencies, shelter, "lead", roles=["agency_lead"])
    await settle(hospital)
    await hospital.status.set("shelter_need_met", to="HARBOR")
    await settle(shelter, lead)
    assert [line.code for line in await lead.status.board()] == ["shelter_need_met"]
    assert await shelter.status.board() == []


@pytest.mark.requirement("A01")
async def test_something_is_sealed_only_to_devices_that_may_receive_it(
    agencies: Agencies, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A01: of one agency's devices only those get a copy whose roles may have it."""
    shelter, hospital = await agencies.found_partners(SHELTER, HOSPITAL)
    auditor = await link(agencies, shelter, "auditor", roles=["auditor"])
    await settle(hospital)
    before = agencies.relay._mailbox(auditor._agent.keyring.mailbox).latest
    await hospital.referrals.send("HARBOR", **WHOLE_REFERRAL)
    await settle(shelter, auditor)
    assert len(await shelter.referrals.list()) == 1
    assert agencies.relay._mailbox(auditor._agent.keyring.mailbox).latest == before
    # Control: without the rule the auditor's device gets the case, and shows it if its views ask
    # for no role either.
    without(monkeypatch, "quietway.answers:is_among", lambda *_: True)
    await hospital.referrals.send("HARBOR", **WHOLE_REFERRAL)
    await settle(shelter, auditor)
    assert await auditor.referrals.list() == []
    without(monkeypatch, "quietway.faces.referrals:keep_readable", lambda _, messages: messages)
    assert len(await auditor.referrals.list()) == 1


@pytest.mark.requirement("A01")
async def test_what_a_partners_device_may_not_say_is_not_believed(
    agencies: Agencies, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A01: the reader asks the sender's certificate; a partner's software is not trusted to."""
    shelter, hospital = await agencies.found_partners(SHELTER, HOSPITAL)
    await hospital.devices.set_roles(hospital.device_id, ["auditor"], passphrase=PASSPHRASE)
    await settle(hospital, shelter)
    # The hospital's program asks nobody.
    without(monkeypatch, "quietway.speaking:check_roles", lambda *_: None)
    await hospital.referrals.send("HARBOR", **WHOLE_REFERRAL)
    await shelter.sync()
    assert await shelter.referrals.list() == []
    assert await count_notices(shelter._agent) == {"bad_content": 1}
    # Control: a reader that does not ask either shows it.
    without(monkeypatch, "quietway.sealing:check_speaker", lambda *_: None)
    await hospital.referrals.send("HARBOR", **WHOLE_REFERRAL)
    await shelter.sync()
    assert len(await shelter.referrals.list()) == 1


@pytest.mark.requirement("A60")
async def test_whose_role_was_taken_away_gets_no_case_and_is_shown_none(
    agencies: Agencies, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A60: access reflects current roles: nothing is sealed to it, and nothing former shown."""
    shelter, hospital = await agencies.found_partners(SHELTER, HOSPITAL)
    case = await shelter.cases.open()
    await shelter.referrals.send("MERCY", **WHOLE_REFERRAL, case_ref=case)
    await hospital.messages.send("We have room.", to="HARBOR")
    other = await link(agencies, hospital, "other", roles=["hospital_social_worker"])
    await settle(shelter, hospital, other)
    await shelter.messages.send("Thank you.", to="MERCY")
    await settle(other, hospital)
    assert await count_shown(other) == (1, 1, 1)
    for roles in (["auditor"], ["data_steward"]):
        await hospital.devices.set_roles(other.device_id, roles, passphrase=PASSPHRASE)
        await settle(shelter, hospital, other)
        before = agencies.relay._mailbox(other._agent.keyring.mailbox).latest
        await shelter.messages.send("It is about tomorrow.", to="MERCY")
        await settle(other, hospital)
        assert agencies.relay._mailbox(other._agent.keyring.mailbox).latest == before
        assert await count_shown(other) == (0, 0, 0)
    # Control: without the rule the views show what came while the role was there.
    with monkeypatch.context() as patch:
        without(patch, "quietway.history:keep_readable", lambda _, messages: list(messages))
        assert len(await other.inbox()) == 1
    await hospital.devices.set_roles(
        other.device_id, ["hospital_social_worker"], passphrase=PASSPHRASE
    )
    await settle(shelter, hospital, other)
    assert await count_shown(other) == (1, 1, 1)


async def count_shown(client: AsyncClient) -> tuple[int, int, int]:
    """How much of a case a device shows: messages, cases, conversations."""
    return (
        len(await client.inbox()),
        len([held for held in await client.contacts.log() if held.direction == "in"]),
        len(await client.messages.conversations()),
    )
