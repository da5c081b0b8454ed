"""Linkage: two agencies can't tell that they know one case, until she releases that for both."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.client_sdk.agencies import HOSPITAL, POLICE, SHELTER, WHOLE_REFERRAL
from tests.client_sdk.cases.told import found, only_case, tell, three
from tests.client_sdk.cases.whole_store import read_identifiers
from tests.controls import without

from quietway.errors import ContentRefused, NotPermitted
from quietway_schemas.content.consent import InformedItems
from quietway_schemas.instants import DAY

if TYPE_CHECKING:
    from quietway import Client
    from quietway.content import CaseRef
    from quietway.testing import Sandbox


def release(client: Client, case: CaseRef, to: str, *scopes: str) -> None:
    client.consent.grant(
        case,
        to,
        categories=["barriers", "services", "status"],
        purposes=["safety_coordination", "service_referral"],
        scopes=scopes,
        informed=tuple(InformedItems.model_fields),
    )


def say_everything(sandbox: Sandbox, shelter: Client, *told: tuple[CaseRef, str]) -> None:
    """Say of everything something, to each of these agencies."""
    now = sandbox.clock.now()
    by_case: dict[CaseRef, list[str]] = {}
    for case, to in told:
        by_case.setdefault(case, []).append(to)
    for case, to in by_case.items():
        release(shelter, case, to[0], "coordination_status")
        for named in to[1:]:
            release(shelter, case, named, "coordination_status")
        for state in ("active", "ended"):
            shelter.status.set("safety_plan_active", to=to, case_ref=case, state=state)
        for state in ("present", "resolved"):
            shelter.board.set_barrier(case, "pet_care", state, to=to)
        shelter.board.set_relocation(case, ["delay_decision", "shelter_in_network"], to=to)
        shelter.cases.set_status(case, "inactive_monitoring", to=to, review_at=now + 9 * DAY)
        shelter.cases.review(case, to=to, next_review=now + 9 * DAY)
        shelter.cases.note_progress(case, "contact_made", to=to)
        shelter.cases.lead.assign(case, "coordination_lead", to=to)
        for named in to:
            shelter.board.set_action(case, "call_lead", to=named, due_at=now + DAY, owner="HARBOR")
            shelter.referrals.send(named, **WHOLE_REFERRAL, case_ref=case)
    sandbox.sync()


def common_of(one: Client, other: Client, before: set[bytes]) -> set[bytes]:
    return (read_identifiers(one) & read_identifiers(other)) - before


def say_twice(sandbox: Sandbox) -> set[bytes]:
    """Speak of two cases to two agencies, one each; then of one case to both.

    Gives what both hold since: of the words, codes and keys that any two agencies share, they held
    all before.
    """
    shelter, hospital, police = found(sandbox, SHELTER, HOSPITAL, POLICE)
    say_everything(
        sandbox, shelter, (shelter.cases.open(), "MERCY"), (shelter.cases.open(), "CITYPD")
    )
    before = read_identifiers(hospital) & read_identifiers(police)
    case = shelter.cases.open()
    say_everything(sandbox, shelter, (case, "MERCY"), (case, "CITYPD"))
    for client in (hospital, police):
        named = [held.case_ref for held in client.cases.list()]
        assert len(named) == 2
        assert len(read_identifiers(client)) > 1_000
    return common_of(hospital, police, before)


@pytest.mark.requirement("A10", "C29")
def test_two_agencies_that_lay_their_stores_side_by_side_find_no_identifier_in_common(
    sandbox: Sandbox,
) -> None:
    """A10, C29: without linkage no id, reference, nonce or hash is in both stores."""
    assert say_twice(sandbox) == set()


@pytest.mark.parametrize(
    ("defence", "instead"),
    [
        ("quietway.naming:make_alias", lambda case, *_: case),
        ("quietway.views.values:is_known_to", lambda _version, _agencies: True),
    ],
)
def test_control_one_alias_for_both_or_names_of_what_another_was_told_shows(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, defence: str, instead: object
) -> None:
    without(monkeypatch, defence, instead)  # type: ignore[arg-type] # each is a function
    assert say_twice(sandbox) != set()


@pytest.mark.requirement("C29", "A10")
def test_linkage_takes_a_release_of_each_for_that_and_then_they_speak_of_one_case(
    sandbox: Sandbox,
) -> None:
    """C29, A10: linkage where permitted: releases join two aliases, and nothing else does."""
    shelter, hospital, police, case = three(sandbox)
    theirs = {client: only_case(client) for client in (hospital, police)}
    for named in ("MERCY", "CITYPD"):
        # The words of a release, of another case each, so that both stores have them.
        for scope in ("linkage", "coordination_status"):
            release(shelter, shelter.cases.open(), named, scope)
    sandbox.sync()
    before = read_identifiers(hospital) & read_identifiers(police)
    release(shelter, case, "MERCY", "linkage")
    release(shelter, case, "CITYPD", "coordination_status")
    # One release of two is none: neither is told anything.
    with pytest.raises(NotPermitted):
        shelter.cases.link(case, "MERCY", "CITYPD")
    with pytest.raises(NotPermitted):
        shelter.cases.link(case, "CITYPD", "MERCY")
    with pytest.raises(ContentRefused, match="same agency"):
        shelter.cases.link(case, "MERCY", "MERCY")
    sandbox.sync()
    assert common_of(hospital, police, before) == set()
    release(shelter, case, "CITYPD", "linkage")
    shelter.cases.link(case, "MERCY", "CITYPD")
    sandbox.sync()
    # Each goes on with the name that it has, and says the other's.
    hospital.board.set_barrier(theirs[hospital], "childcare", to="CITYPD")
    police.board.set_barrier(theirs[police], "pet_care", to="MERCY")
    sandbox.sync()
    for client, other in ((hospital, police), (police, hospital)):
        assert theirs[client] in {held.case_ref for held in client.cases.list()}
        lines = client.board.show(theirs[client]).barriers
        assert {line.agency for line in lines} == {client.agency_id, other.agency_id}


def test_a_link_does_not_replace_an_alias_that_was_given_out_before(sandbox: Sandbox) -> None:
    shelter, hospital, police, case = three(sandbox)
    theirs = only_case(hospital)
    hospital.status.set("safety_plan_active", to="CITYPD", case_ref=theirs)
    sandbox.sync()
    given = {held.case_ref for held in police.cases.list()} - {case}
    for to in ("MERCY", "CITYPD"):
        release(shelter, case, to, "linkage")
    shelter.cases.link(case, "MERCY", "CITYPD")
    sandbox.sync()
    hospital.board.set_barrier(theirs, "childcare", to="CITYPD")
    sandbox.sync()
    known = {held.case_ref for held in police.cases.list()}
    assert known == given
    # What the police say of it, by the name that the shelter gave them, is understood all the same.
    named = [held for held in police.cases.list() if shelter.agency_id in held.agencies]
    police.board.set_barrier(named[0].case_ref, "pet_care", to="MERCY")
    sandbox.sync()
    lines = hospital.board.show(theirs).barriers
    assert {line.agency for line in lines} == {hospital.agency_id, police.agency_id}


def test_who_was_told_of_a_case_does_not_choose_what_a_third_agency_calls_it(
    sandbox: Sandbox,
) -> None:
    shelter, hospital, police = found(sandbox, SHELTER, HOSPITAL, POLICE)
    case = tell(sandbox, shelter, hospital)
    theirs = only_case(hospital)
    # The hospital says that she released it; for the shelter that is its word alone.
    hospital.status.set("safety_plan_active", to="CITYPD", case_ref=theirs)
    for to in ("HARBOR", "CITYPD"):
        release(hospital, theirs, to, "linkage")
    hospital.cases.link(theirs, "HARBOR", "CITYPD")
    sandbox.sync()
    known = {held.case_ref for held in police.cases.list()}
    shelter.board.set_barrier(case, "childcare", to="CITYPD")
    sandbox.sync()
    # It is another case to the police, and joined to nothing.
    assert len({held.case_ref for held in police.cases.list()} - known) == 1


@pytest.mark.requirement("B45")
def test_what_happened_about_the_respondent_is_a_code_and_a_month_under_a_release(
    sandbox: Sandbox,
) -> None:
    """B45: offender accountability: respondent-event codes without place or day."""
    shelter, hospital = found(sandbox, SHELTER, HOSPITAL)
    case = shelter.cases.open()
    shelter.status.set("advocate_assigned", to="MERCY", case_ref=case)
    with pytest.raises(NotPermitted):
        shelter.cases.note_respondent(case, "order_served")
    grant_legal(shelter, case)
    shelter.cases.note_respondent(case, "order_served", month="2026-10")
    shelter.cases.note_respondent(case, "custody_release_pending")
    with pytest.raises(ContentRefused, match="month"):
        shelter.cases.note_respondent(case, "order_served", month="2026-10-14")
    sandbox.sync()
    (summary,) = hospital.cases.list()
    assert [held.code for held in summary.respondent] == ["order_served", "custody_release_pending"]
    assert summary.respondent[0].month == "2026-10"


@pytest.mark.requirement("B03")
def test_an_assessment_is_shared_as_its_tool_and_band_under_a_release(sandbox: Sandbox) -> None:
    """B03: consistent risk assessment: instrument, band and month; no answer leaves the agency."""
    shelter, hospital = found(sandbox, SHELTER, HOSPITAL)
    case = shelter.cases.open()
    shelter.status.set("advocate_assigned", to="MERCY", case_ref=case)
    with pytest.raises(NotPermitted):
        shelter.cases.note_risk(case, "danger_assessment", "high")
    grant_legal(shelter, case)
    for band in ("high", "increased"):
        shelter.cases.note_risk(case, "danger_assessment", band)
        sandbox.clock.advance(1)
    sandbox.sync()
    (summary,) = hospital.cases.list()
    assert {tool: held.band for tool, held in summary.risk.items()} == {
        "danger_assessment": "increased"
    }
    with pytest.raises(ContentRefused, match="band"):
        shelter.cases.note_risk(case, "danger_assessment", "14 of 20")


def grant_legal(client: Client, case: CaseRef) -> None:
    client.consent.grant(
        case,
        "MERCY",
        categories=["legal", "risk_band", "status"],
        purposes=["safety_coordination"],
        scopes=["other"],
        informed=tuple(InformedItems.model_fields),
    )


@pytest.mark.requirement("A09")
def test_a_paused_case_shows_that_sharing_is_paused_in_place_of_its_lines(
    sandbox: Sandbox,
) -> None:
    """A09: the board shows what stands: of a case that she paused, that it is paused."""
    shelter, hospital = found(sandbox, SHELTER, HOSPITAL)
    case = shelter.cases.open()
    shelter.board.set_barrier(case, "pet_care", to="MERCY")
    sandbox.sync()
    theirs = only_case(hospital)
    shelter.consent.pause(case)
    sandbox.sync()
    (board,) = hospital.board.list()
    assert board == hospital.board.show(theirs)
    assert board.sharing_paused == (shelter.agency_id,)
    assert board.barriers == ()
    with pytest.raises(NotPermitted):
        hospital.board.set_barrier(theirs, "pet_care", "resolved", to="HARBOR")


@pytest.mark.requirement("A09")
def test_who_stopped_sees_on_its_own_board_with_whom_and_its_lines_beside_it(
    sandbox: Sandbox,
) -> None:
    """A09: what this agency itself paused or ended stands on its board, towards each partner."""
    shelter, hospital, police = found(sandbox, SHELTER, HOSPITAL, POLICE)
    case = shelter.cases.open()
    shelter.board.set_barrier(case, "pet_care", to=["MERCY", "CITYPD"])
    sandbox.sync()
    assert shelter.board.show(case).sharing_paused == ()
    shelter.consent.pause(case, "MERCY")
    board = shelter.board.show(case)
    assert board.sharing_paused == (hospital.agency_id,)
    assert {line.code for line in board.barriers} == {"pet_care"}
    assert shelter.board.list() == [board]
    shelter.consent.revoke(case)
    both = tuple(sorted((hospital.agency_id, police.agency_id)))
    assert shelter.board.show(case).sharing_paused == both
    sandbox.clock.advance(200 * DAY / 1_000)
    assert shelter.board.list() == []
    assert shelter.board.show(case).sharing_paused == both
