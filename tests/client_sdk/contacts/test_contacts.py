"""Whom to reach at an agency: published, shown, missing; and by which way."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.client_sdk.agencies import HOSPITAL, POLICE, SHELTER
from tests.client_sdk.two_agencies import at
from tests.controls import without

from quietway import ContentRefused
from quietway.content import AfterHours, ContactSlot, DirectoryContact
from quietway.history import find_message
from quietway.policy.channels import TIER_OF, deviates, list_tiers
from quietway.records import StoredMessage
from quietway.views.agencies import OLD_MS, find_newest
from quietway_schemas.codebook.lists import codes
from quietway_schemas.ids import AgencyId, ConversationId, MessageId
from quietway_schemas.instants import DAY, SECOND

if TYPE_CHECKING:
    from collections.abc import Collection

    from quietway import Client
    from quietway.testing import Sandbox

OKAFOR_BACKUP = ContactSlot(slot="backup", name="R. Okafor", role="liaison", phone="555 0101")
OKAFOR = ContactSlot(slot="primary", name="R. Okafor", role="liaison", phone="555 0101")
REYES = ContactSlot(slot="backup", name="M. Reyes", role="supervisor", phone="555 0102")
NIGHT = AfterHours(method="on_call_phone", text="Call the on-call lead.")


def go_to(sandbox: Sandbox, text: str) -> None:
    sandbox.sync()
    sandbox.clock.advance((at(text) - sandbox.clock.now()) / SECOND)
    sandbox.sync()


def lacks(client: Client) -> set[tuple[str, str]]:
    return {(held.agency_code, held.lack) for held in client.contacts.missing()}


@pytest.mark.requirement("C01")
def test_an_agency_names_a_primary_contact_a_backup_and_what_to_do_at_night(
    sandbox: Sandbox,
) -> None:
    """C01: one primary and one backup, with an after-hours process, sealed to the members."""
    shelter, hospital, police = (sandbox.agency(name) for name in (SHELTER, HOSPITAL, POLICE))
    for slots in ([OKAFOR], [REYES], [OKAFOR, OKAFOR], [OKAFOR, REYES, OKAFOR]):
        with pytest.raises(ContentRefused):
            shelter.contacts.publish(slots, NIGHT)
    assert shelter.outbox() == []
    shelter.contacts.publish([REYES, OKAFOR], NIGHT)
    sandbox.sync()
    for client in (hospital, police):
        held = client.contacts.show("HARBOR").contacts
        assert held is not None
        assert {slot.name for slot in held.slots} == {"R. Okafor", "M. Reyes"}
        assert held.after_hours == NIGHT
    assert shelter.contacts.show().contacts is not None
    assert hospital.contacts.show().contacts is None


@pytest.mark.requirement("C01")
def test_what_is_said_anew_counts_also_where_a_clock_stood_still(sandbox: Sandbox) -> None:
    """C01: the contacts that count are the newest; the former ones are gone everywhere."""
    shelter, hospital = (sandbox.agency(name) for name in (SHELTER, HOSPITAL))
    for slots in ([OKAFOR, REYES], [REYES.model_copy(update={"slot": "primary"}), OKAFOR]):
        second = [slot.model_copy(update={"slot": "backup"}) for slot in slots[1:]]
        shelter.contacts.publish([slots[0], *second], NIGHT)
        sandbox.sync()
    for held in (shelter.contacts.show(), hospital.contacts.show("HARBOR")):
        assert held.contacts is not None
        assert held.contacts.slots[0].name == "M. Reyes"


@pytest.mark.requirement("C01")
def test_what_is_missing_is_listed_until_it_is_said_and_told(sandbox: Sandbox) -> None:
    """C01: an agency sees whose contacts are missing, and who was not told its own."""
    shelter, hospital = (sandbox.agency(name) for name in (SHELTER, HOSPITAL))
    none = {("HARBOR", "no_contacts"), ("HARBOR", "no_profile")}
    theirs = {("MERCY", "no_contacts"), ("MERCY", "no_profile")}
    assert lacks(shelter) == none | theirs
    shelter.contacts.publish([OKAFOR, REYES], NIGHT)
    shelter.contacts.publish_profile(time_zone="America/Chicago", country="US")
    sandbox.sync()
    assert lacks(shelter) == theirs
    assert lacks(hospital) == theirs
    sandbox.agency(POLICE)
    sandbox.sync()
    assert ("CITYPD", "not_told") in lacks(shelter)
    shelter.contacts.publish([OKAFOR, REYES], NIGHT)
    shelter.contacts.publish_profile(time_zone="America/Chicago", country="US")
    sandbox.sync()
    assert ("CITYPD", "not_told") not in lacks(shelter)
    for _ in range(7):
        sandbox.clock.advance(29 * DAY / SECOND)
        sandbox.sync()
    assert ("HARBOR", "old") in lacks(shelter)


def test_a_profile_that_no_calendar_can_be_made_of_is_refused(sandbox: Sandbox) -> None:
    shelter, _ = (sandbox.agency(name) for name in (SHELTER, HOSPITAL))
    for zone, country in (("Mars/Olympus", "US"), ("America/Chicago", "ZZ")):
        with pytest.raises(ContentRefused):
            shelter.contacts.publish_profile(time_zone=zone, country=country)
    assert shelter.outbox() == []


def test_nothing_is_published_to_nobody(sandbox: Sandbox) -> None:
    alone = sandbox.agency(SHELTER)
    with pytest.raises(ContentRefused, match="add a partner first"):
        alone.contacts.publish([OKAFOR, REYES], NIGHT)


@pytest.mark.requirement("C02")
def test_a_way_is_proposed_for_every_purpose_and_urgency() -> None:
    """C02: purpose and urgency give a way; what is urgent begins with the phone."""
    for purpose in codes("purpose_code"):
        for urgency in codes("time_sensitivity"):
            tiers = list_tiers(purpose, urgency)
            assert set(tiers) <= set(codes("channel_tier"))
            assert len(set(tiers)) == len(tiers) > 1
            assert (tiers[0] == "phone") == (
                urgency == "urgent"
                or (urgency == "priority" and purpose in {"case_conference", "warm_handoff"})
            )
            for way in codes("interaction_type"):
                assert deviates(way, purpose, urgency) == (TIER_OF.get(way) not in tiers)


@pytest.mark.requirement("C02")
def test_the_proposal_names_whom_to_reach_now(sandbox: Sandbox) -> None:
    """C02: the client proposes; at night it says what the partner does then."""
    shelter, hospital = (sandbox.agency(name) for name in (SHELTER, HOSPITAL))
    hospital.contacts.publish([REYES, OKAFOR], NIGHT)
    hospital.contacts.publish_profile(time_zone="America/Chicago", country="US")
    go_to(sandbox, "2026-11-23T10:00-06:00")
    day = shelter.contacts.propose_channel("MERCY", "safe_accommodation", "urgent")
    assert (day.tier, day.is_open, day.after_hours) == ("phone", True, None)
    assert [slot.name for slot in day.contacts] == ["R. Okafor", "M. Reyes"]
    assert day.answer_due == at("2026-11-23T14:00-06:00")
    # The Thursday of that week is a holiday there.
    go_to(sandbox, "2026-11-26T10:00-06:00")
    feast = shelter.contacts.propose_channel("MERCY", "status_update")
    assert (feast.tier, feast.is_open, feast.after_hours) == ("secure_message", False, NIGHT)
    assert feast.answer_due == at("2026-12-01T17:00-06:00")
    with pytest.raises(ContentRefused):
        shelter.contacts.propose_channel("MERCY", "status_update", "at once")


@pytest.mark.requirement("C01")
def test_no_partner_can_say_that_anothers_contacts_are_gone(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """C01: whom to reach is said by the agency itself; the control believes whoever names it."""
    shelter, hospital, police = (sandbox.agency(name) for name in (SHELTER, HOSPITAL, POLICE))
    shelter.contacts.publish([OKAFOR, REYES], NIGHT)
    sandbox.sync()
    (heard,) = [held for held in police.inbox() if held.content.type == "directory.contact"]
    stored = police._loop.run(find_message, police._client._agent, heard.message_id)
    # The hospital's program has learned the name of what the police was told.
    without(
        monkeypatch, "quietway.faces.contacts:name_current", lambda *_, **__: (stored.core_hash,)
    )
    hospital.contacts.publish([REYES.model_copy(update={"slot": "primary"}), OKAFOR_BACKUP], NIGHT)
    sandbox.sync()
    held = police.contacts.show("HARBOR").contacts
    assert held is not None
    assert held.slots == (OKAFOR, REYES)
    # Control: where anybody may name anything, the shelter can't be reached any more.
    without(monkeypatch, "quietway.views.agencies:is_gone", _believe_anybody)
    assert police.contacts.show("HARBOR").contacts is None


def _believe_anybody(held: StoredMessage, named: Collection[tuple[object, bytes]]) -> bool:
    return any(name == held.core_hash for _, name in named)


@settings(max_examples=60, deadline=None)
@given(order=st.permutations(range(6)), kept=st.sets(st.integers(0, 5), min_size=1))
def test_the_contacts_that_count_depend_on_no_order(order: list[int], kept: set[int]) -> None:
    """Every device that knows the same versions reaches the same people."""
    versions = [_make_version(number) for number in range(6)]
    mine = [versions[number] for number in sorted(kept)]
    theirs = [versions[number] for number in order if number in kept]
    (one,) = find_newest(mine, DirectoryContact).values()
    (other,) = find_newest([*theirs, *theirs], DirectoryContact).values()
    assert one == other
    assert (one.agency, one.core_hash) not in {
        (held.agency, name)
        for held in mine
        if isinstance(held.content, DirectoryContact)
        for name in held.content.supersedes
    }


def _make_version(number: int) -> StoredMessage:
    """Versions in two branches, said at times of which some are the same."""
    before = (bytes([number - 2]) * 32,) if number >= 2 else ()
    return StoredMessage(
        position=number,
        key=bytes([number]) * 16,
        received=True,
        message_id=MessageId(bytes([number]) * 16),
        conversation=ConversationId(bytes(16)),
        agency=AgencyId(b"h" * 16),
        program=SHELTER,
        to=(),
        said_at=number // 2,
        content=DirectoryContact(
            slots=(OKAFOR, REYES),
            after_hours=NIGHT,
            valid_from=1,
            nonce=bytes([number]) * 16,
            supersedes=before,
        ),
        core_hash=bytes([number]) * 32,
    )


def test_contacts_that_nobody_confirmed_for_long_are_due(sandbox: Sandbox) -> None:
    shelter, _ = (sandbox.agency(name) for name in (SHELTER, HOSPITAL))
    shelter.contacts.publish([OKAFOR, REYES], NIGHT)
    said = sandbox.clock.now()
    assert shelter.due.list() == []
    for _ in range(7):
        sandbox.clock.advance(29 * DAY / SECOND)
        sandbox.sync()
    (line,) = [held for held in shelter.due.list() if held.source == "contacts"]
    assert (line.kind, line.at, line.turn) == ("confirm", said + OLD_MS, "ours")
    shelter.contacts.publish([OKAFOR, REYES], NIGHT)
    assert [held for held in shelter.due.list() if held.source == "contacts"] == []
