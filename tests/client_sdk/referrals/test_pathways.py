"""The five pathways, triage, duplicates, uptake and advocates."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.client_sdk.agencies import POLICE, WHOLE_REFERRAL
from tests.client_sdk.two_agencies import Two, at, line, say
from tests.controls import without

from quietway import ContentRefused
from quietway.content import CaseRef, VspContact
from quietway_schemas.content.contact import AfterHours, ContactSlot, DirectoryContact
from quietway_schemas.content.coordination import TriageRoute
from quietway_schemas.instants import DAY, HOUR, SECOND

if TYPE_CHECKING:
    from quietway import Client
    from quietway.content import ReferralPacket

CASE = CaseRef(b"c" * 16)


def packet_of(client: Client, ref: str) -> ReferralPacket:
    return client.referrals.find(ref).packet


@pytest.mark.requirement("A16")
def test_by_default_a_referral_reaches_the_survivor_through_a_contact_and_names_nobody(
    two: Two,
) -> None:
    """A16: the least data that is necessary is the default."""
    packet = packet_of(two.hospital, two.refer())
    assert (packet.pathway, packet.identity_mode) == ("deidentified_vsp_contact", "vsp_contact")
    assert packet.identifiability == "pseudonymous"
    assert packet.vsp_contact == VspContact(staff="R. Okafor", contact="extension 12")


def test_the_agencys_own_primary_contact_is_filled_in_unless_another_is_named(two: Two) -> None:
    slots = (
        ContactSlot(slot="primary", name="M. Reyes", role="liaison", phone="+1 555 0100"),
        ContactSlot(slot="backup", name="T. Lind", role="liaison", phone="+1 555 0101"),
    )
    contacts = DirectoryContact(
        nonce=b"n" * 16,
        slots=slots,
        after_hours=AfterHours(method="hotline", text="Leave a number."),
        valid_from=two.shelter.now(),
    )
    say(two, "shelter", contacts)
    assert packet_of(two.shelter, two.refer()).vsp_contact == VspContact(
        staff="M. Reyes", contact="+1 555 0100"
    )
    named = VspContact(staff="A. Novak", contact="extension 3")
    assert packet_of(two.shelter, two.refer(vsp_contact=named)).vsp_contact == named


@pytest.mark.requirement("C21")
def test_a_direct_handoff_is_said_and_carries_no_contact(two: Two) -> None:
    """C21: direct handoff: the recipient is asked itself."""
    packet = packet_of(two.hospital, two.refer(pathway="direct_handoff"))
    assert (packet.pathway, packet.identity_mode, packet.vsp_contact) == (
        "direct_handoff",
        "none",
        None,
    )


@pytest.mark.requirement("C22")
def test_a_warm_linkage_proposes_a_call_with_or_without_the_survivor(two: Two) -> None:
    """C22: both agencies speak; `client_present` yes, no or declined; a joint call is proposed."""
    call = two.shelter.now() + DAY
    ref = two.refer(pathway="warm_linkage", client_present="declined", joint_call=call)
    packet = packet_of(two.hospital, ref)
    assert (packet.client_present, packet.joint_call) == ("declined", call)
    with pytest.raises(ContentRefused, match="joint_call"):
        two.refer(pathway="direct_handoff", joint_call=call)
    with pytest.raises(ContentRefused, match="joint_call"):
        two.refer(pathway="warm_linkage", joint_call=two.shelter.now() - 1)


@pytest.mark.requirement("C24")
def test_embedded_staff_hold_their_own_agencys_key_and_see_nothing_of_the_house_they_sit_in(
    two: Two,
) -> None:
    """C24: embedded partner: its own agency, its own key, its own duty of consent."""
    guest = two.sandbox.agency("LEGAL-EMBEDDED", roles=("legal_aid",))
    two.sandbox.sync()
    two.refer()
    sent = two.shelter.referrals.send("LEGAL", **WHOLE_REFERRAL, pathway="embedded_partner")
    two.sandbox.sync()
    assert [held.ref for held in guest.referrals.list()] == [sent.referral_ref]
    assert guest.agency_id != two.shelter.agency_id


@pytest.mark.requirement("C23")
def test_a_hub_routes_by_criteria_and_capacity_and_no_reference_is_known_to_both_sides(
    two: Two,
) -> None:
    """C23: a hub chooses by criteria and capacity, and re-seals to the chosen partner."""
    police = two.sandbox.agency(POLICE, roles=("police_liaison",))
    two.sandbox.sync()
    sent = police.referrals.send(
        "MERCY", **WHOLE_REFERRAL, pathway="coordinated_triage", case_ref=CASE
    )
    two.sandbox.sync()
    (asked,) = two.hospital.referrals.list()
    routed = two.hospital.referrals.route(
        asked.ref, "HARBOR", criteria=["language", "capacity"], capacity="has_capacity"
    )
    two.sandbox.sync()
    (there,) = two.shelter.referrals.list()
    assert there.ref == routed.referral_ref != sent.referral_ref
    assert there.packet.referring == asked.packet.referring
    assert there.packet.case_ref != asked.packet.case_ref
    back = police.referrals.find(str(sent.referral_ref))
    for told in (there.route, back.route):
        assert isinstance(told, TriageRoute)
        assert (told.hub, told.chosen_program) == ("MERCY", "HARBOR-SHELTER")
        assert (told.criteria, told.capacity) == (("capacity", "language"), "has_capacity")
    assert back.state == "sent"
    # The hub still owes whoever referred an answer.
    owed = {held.subject: held.kind for held in two.hospital.due.list()}
    assert owed[str(asked.ref)] == "acknowledge"
    assert ids_of(police) & ids_of(two.shelter) == set()


def ids_of(client: Client) -> set[bytes]:
    """Collect the references that an agency was given in what is not its own or its partners'."""
    found: set[bytes] = set()
    for referral in client.referrals.list():
        found |= {referral.ref.value, referral.conversation.value}
        if referral.packet.case_ref is not None:
            found.add(referral.packet.case_ref.value)
        if referral.route is not None:
            found.add(referral.route.referral_ref.value)
    return found


def test_control_a_hub_that_passes_the_reference_on_lets_both_sides_compare(
    two: Two, monkeypatch: pytest.MonkeyPatch
) -> None:
    police = two.sandbox.agency(POLICE, roles=("police_liaison",))
    two.sandbox.sync()
    police.referrals.send("MERCY", **WHOLE_REFERRAL, pathway="coordinated_triage")
    two.sandbox.sync()
    (asked,) = two.hospital.referrals.list()
    without(monkeypatch, "quietway.faces.routing:_draw_reference", lambda _, held: held.ref)
    two.hospital.referrals.route(
        asked.ref, "HARBOR", criteria=["capacity"], capacity="has_capacity"
    )
    two.sandbox.sync()
    assert ids_of(police) & ids_of(two.shelter) == {asked.ref.value}


def test_what_was_not_sent_for_triage_is_not_routed(two: Two) -> None:
    two.sandbox.agency(POLICE, roles=("police_liaison",))
    two.sandbox.sync()
    ref = two.refer()
    with pytest.raises(ContentRefused, match="triage"):
        two.hospital.referrals.route(ref, "CITYPD", criteria=["capacity"], capacity="has_capacity")
    ref = two.refer(pathway="coordinated_triage")
    with pytest.raises(ContentRefused, match="triage"):
        two.shelter.referrals.route(ref, "CITYPD", criteria=["capacity"], capacity="has_capacity")
    two.hospital.referrals.outcome(ref, "declined", reason_code="no_capacity")
    with pytest.raises(ContentRefused, match="closed"):
        two.hospital.referrals.route(ref, "CITYPD", criteria=["capacity"], capacity="has_capacity")


@pytest.mark.requirement("C39")
def test_v37_the_same_asked_again_within_thirty_days_is_warned_of_and_sent(two: Two) -> None:
    """C39: cross-checks before sealing: a duplicate is warned of, and never refused."""
    first = two.shelter.referrals.send("MERCY", **WHOLE_REFERRAL, case_ref=CASE)
    assert first.warnings == ()
    again = two.shelter.referrals.send("MERCY", **WHOLE_REFERRAL, case_ref=CASE)
    assert [(held.ref, held.state) for held in again.warnings] == [(first.referral_ref, "sent")]
    assert again.state == "stored_at_relay"
    other = {**WHOLE_REFERRAL, "service_type": "legal_assistance"}
    assert two.shelter.referrals.send("MERCY", **other, case_ref=CASE).warnings == ()
    elsewhere = CaseRef(b"d" * 16)
    assert two.shelter.referrals.send("MERCY", **WHOLE_REFERRAL, case_ref=elsewhere).warnings == ()
    two.sandbox.clock.advance(30 * DAY // SECOND)
    two.sandbox.sync()
    assert two.shelter.referrals.send("MERCY", **WHOLE_REFERRAL, case_ref=CASE).warnings == ()


def test_what_was_cancelled_is_no_duplicate(two: Two) -> None:
    first = two.shelter.referrals.send("MERCY", **WHOLE_REFERRAL, case_ref=CASE)
    two.shelter.referrals.cancel(str(first.referral_ref), reason_code="misdirected")
    assert two.shelter.referrals.send("MERCY", **WHOLE_REFERRAL, case_ref=CASE).warnings == ()


@pytest.mark.requirement("B37")
def test_uptake_is_followed_per_referral_in_months(two: Two) -> None:
    """B37: liaisons follow whether a service is taken up."""
    ref = two.refer()
    two.hospital.referrals.acknowledge(ref)
    two.hospital.referrals.uptake(ref, "attending", started="2026-10")
    two.sandbox.clock.advance(1)
    two.hospital.referrals.uptake(ref, "completed", started="2026-10", ended="2026-11")
    two.sandbox.sync()
    told = two.shelter.referrals.find(ref).uptake
    assert told is not None
    assert (told.state, told.started, told.ended) == ("completed", "2026-10", "2026-11")
    with pytest.raises(ContentRefused):
        two.hospital.referrals.uptake(ref, "not_started", started="2026-11")


@pytest.mark.requirement("B33")
def test_an_officer_brings_an_advocate_in_early_and_the_time_to_one_is_known(two: Two) -> None:
    """B33: an advocate is introduced early: a request, and the time until one is there."""
    two.hospital.referrals.request_advocate(
        CASE, "HARBOR", requester_role="hospital_social_worker", survivor_wants_contact="yes"
    )
    two.sandbox.sync()
    due = line(two.shelter, "advocates")
    assert due is not None
    assert (due.kind, due.at) == ("send_advocate", at("2026-11-23T17:00+00:00"))
    (asked,) = two.shelter.referrals.advocates()
    two.sandbox.clock.advance(HOUR // SECOND)
    two.shelter.status.set("advocate_assigned", to="MERCY", case_ref=asked.case_ref)
    two.sandbox.sync()
    (told,) = two.hospital.referrals.advocates(CASE)
    assert (told.took_ms, told.is_due) == (HOUR, False)
    assert line(two.shelter, "advocates") is None


@pytest.mark.requirement("B31")
@pytest.mark.parametrize("wants", ["no", "unsafe_to_ask"])
def test_no_advocate_is_pressed_on_a_survivor_who_wants_none(two: Two, wants: str) -> None:
    """B31: no pressure: a request without the survivor's wish is never due."""
    two.hospital.referrals.request_advocate(
        CASE, "HARBOR", requester_role="hospital_social_worker", survivor_wants_contact=wants
    )
    two.sandbox.sync()
    assert line(two.shelter, "advocates") is None
    assert len(two.shelter.referrals.advocates()) == 1


@pytest.mark.requirement("B20")
@pytest.mark.parametrize("choice", [None, "chosen"])
def test_long_term_support_asks_for_the_survivors_choice(two: Two, choice: str | None) -> None:
    """B20: long-term support, respecting choice: `survivor_choice` is asked for."""
    fields = {name: value for name, value in WHOLE_REFERRAL.items() if name != "survivor_choice"}
    fields["service_type"] = "long_term_support"
    if choice is None:
        with pytest.raises(ContentRefused, match="survivor_choice"):
            two.shelter.referrals.send("MERCY", **fields)
    else:
        two.shelter.referrals.send("MERCY", **fields, survivor_choice=choice)
