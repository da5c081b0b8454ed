"""What is said about a case adds up to the same, in any order and however often it came."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.client_sdk.engine.world import START
from tests.client_sdk.views.test_views import ELSEWHERE, HERE, THERE, keep
from tests.controls import without

from quietway.content import (
    BarrierUpdate,
    CaseRef,
    CaseReview,
    CaseStatus,
    LeadAccept,
    LeadAssign,
    LeadConfirm,
    LeadDecline,
    LeadOffer,
    LeadWithdraw,
    RelocationOptions,
    StatusIndicator,
    UrgentAction,
)
from quietway.views.board import CaseBoard, fold_card, show_boards
from quietway.views.cases import fold_barriers, fold_case
from quietway.views.timeline import fold_timeline, order_case
from quietway_schemas.content.case import LONGEST_BARRIER_MS, LONGEST_RELOCATION_MS
from quietway_schemas.ids import DeviceId
from quietway_schemas.instants import DAY

if TYPE_CHECKING:
    import random
    from collections.abc import Iterable

    import pytest

    from quietway.records import StoredMessage
    from quietway_schemas.content.base import ContentModel

CASE = CaseRef(b"k" * 16)
ADVOCATE = ("frontline_advocate",)
AGENCIES = (HERE, THERE, ELSEWHERE)
OFFERS = (b"o" * 16, b"p" * 16)
NOW = START + 50


def name(number: int) -> bytes:
    return number.to_bytes(32, "big")


def of_case(number: int, seen: Iterable[int] = ()) -> dict[str, object]:
    names = tuple(sorted(name(one) for one in seen))
    return {"case_ref": CASE, "nonce": number.to_bytes(16, "big"), "supersedes": names}


@st.composite
def contents(draw: st.DrawFn, number: int, at: int) -> ContentModel:
    seen = draw(st.sets(st.integers(0, number - 1), max_size=3)) if number else set()
    absolute = of_case(number, seen)
    match draw(st.sampled_from(["status", "barrier", "action", "relocation", "case"])):
        case "status":
            return StatusIndicator(
                case_ref=CASE,
                code=draw(st.sampled_from(["heightened_concern", "safety_plan_active"])),
                state=draw(st.sampled_from(["active", "pending", "ended", "unknown"])),
                effective=at,
                expires=at + DAY,
                confidence="reported",
                supersedes=absolute["supersedes"],  # type: ignore[arg-type]
            )
        case "barrier":
            return BarrierUpdate(
                **absolute,  # type: ignore[arg-type]
                code=draw(st.sampled_from(["pet_care", "childcare"])),
                state=draw(st.sampled_from(["present", "easing", "resolved"])),
                since="2026-11",
                expires=at + DAY,
            )
        case "action":
            return UrgentAction(
                **absolute,  # type: ignore[arg-type]
                action_id=draw(st.sampled_from(OFFERS)),
                code="call_lead",
                owner="HARBOR",
                due_at=START + draw(st.integers(0, 99)),
                state=draw(st.sampled_from(["open", "done", "blocked", "cancelled"])),
            )
        case "relocation":
            return RelocationOptions(
                **absolute,  # type: ignore[arg-type]
                options=("delay_decision", "shelter_in_network"),
                survivor_choice=draw(st.sampled_from(["none", "delay_decision"])),
                choice_at=at,
                expires=at + DAY,
            )
        case _:
            closed = draw(st.booleans())
            return CaseStatus(
                **absolute,  # type: ignore[arg-type]
                state="closed" if closed else draw(st.sampled_from(["active", "reopened"])),
                closure_reason="needs_met" if closed else None,
                effective=at,
            )


@st.composite
def leads(draw: st.DrawFn, at: int) -> ContentModel:
    offer, agency = draw(st.sampled_from(OFFERS)), draw(st.sampled_from(AGENCIES))
    kinds = ["offer", "offer", "accept", "accept", "confirm", "confirm", "withdraw", "decline"]
    match draw(st.sampled_from([*kinds, "assign"])):
        case "offer":
            return LeadOffer(
                case_ref=CASE,
                offer_id=offer,
                to_agency=agency,
                term=draw(st.integers(0, 1)),
                reason_code="capacity",
                offered_at=at,
                expires=at + draw(st.integers(1, 20)),
            )
        case "accept":
            return LeadAccept(case_ref=CASE, offer_id=offer, at=at)
        case "confirm":
            return LeadConfirm(case_ref=CASE, offer_id=offer, at=at)
        case "withdraw":
            return LeadWithdraw(case_ref=CASE, offer_id=offer, reason_code="capacity", at=at)
        case "decline":
            return LeadDecline(case_ref=CASE, offer_id=offer, reason_code="capacity", at=at)
        case _:
            return LeadAssign(
                case_ref=CASE, agency=agency, role="supervisor", reason_code="capacity", at=at
            )


@st.composite
def histories(draw: st.DrawFn, most: int = 9) -> list[StoredMessage]:
    said: list[StoredMessage] = []
    places: dict[bytes, int] = {}
    for number in range(draw(st.integers(1, most))):
        at = START + draw(st.integers(0, 30))
        agency = draw(st.sampled_from(AGENCIES))
        content = draw(st.one_of(contents(number, at), leads(at)))
        chain = agency.value + bytes(56)
        places[chain] = places.get(chain, -1) + 1
        kept = keep(content, position=number, agency=agency, said_at=at)
        said.append(
            replace(
                kept,
                core_hash=name(number),
                chain=chain,
                seq=places[chain],
                device=None if agency == HERE else DeviceId(agency.value),
            )
        )
    return said


def boards(said: Iterable[StoredMessage], now: int = NOW) -> tuple[CaseBoard, ...]:
    return show_boards({CASE: fold_card(said)}, roles=ADVOCATE, now=now)


def fold(said: Iterable[StoredMessage]) -> tuple[object, ...]:
    kept = list(said)
    summary = fold_case(CASE, kept, me=HERE)
    board = boards(kept)
    timeline = fold_timeline(kept, CASE, roles=ADVOCATE)
    return summary, board, timeline, fold_barriers(kept)


@settings(max_examples=150, deadline=None)
@given(histories(), st.randoms(use_true_random=False))
def test_any_order_with_repetitions_comes_to_the_same(
    said: list[StoredMessage], chance: random.Random
) -> None:
    arrivals = [*said, *said[:3]]
    chance.shuffle(arrivals)
    assert fold(arrivals) == fold(said)


@settings(max_examples=150, deadline=None)
@given(histories(most=14))
def test_exactly_one_agency_leads_and_none_by_what_others_say_of_it(
    said: list[StoredMessage],
) -> None:
    lead = fold_case(CASE, said, me=HERE).lead
    alone = all(held.agency == HERE for held in said)
    accepted = any(held.agency == HERE and isinstance(held.content, LeadAccept) for held in said)
    confirmed = any(held.agency != HERE and isinstance(held.content, LeadConfirm) for held in said)
    # Nobody is known to lead only where nobody else spoke of the case, and nobody here opened it.
    assert lead.agency in AGENCIES or alone
    assert lead.agency != HERE or (accepted and confirmed)
    if fold_case(CASE, said, me=HERE, opened_here=True).lead.agency != HERE:
        assert any(
            isinstance(held.content, LeadConfirm) and held.agency == HERE for held in said
        ) or any(isinstance(held.content, LeadAssign) and held.agency == HERE for held in said)


@settings(max_examples=100, deadline=None)
@given(histories(), st.integers(0, 200 * DAY))
def test_what_is_over_never_comes_back(said: list[StoredMessage], later: int) -> None:
    def open_lines(now: int) -> set[tuple[object, ...]]:
        return {
            (board.case_ref, line.code, line.agency, line.state)
            for board in boards(said, now)
            for line in (*board.safety, *board.barriers, *board.relocation)
            if line.until <= now
        }

    assert open_lines(NOW + later) == set()


@settings(max_examples=100, deadline=None)
@given(histories())
def test_the_timeline_keeps_each_devices_own_order(said: list[StoredMessage]) -> None:
    ordered = order_case(said)
    assert len(ordered) == len(said)
    for agency in AGENCIES:
        places = [held.seq for held in ordered if held.agency == agency]
        assert places == sorted(places)


def test_a_clock_that_was_set_back_changes_no_devices_order() -> None:
    review = CaseReview(
        case_ref=CASE, gaps=("none",), changes=("no_change",), next_review=START + DAY, at=START
    )
    first, second = (
        replace(
            keep(review, position=number, agency=THERE, said_at=START - number),
            core_hash=name(number),
            chain=b"c" * 72,
            seq=number,
        )
        for number in (0, 1)
    )
    assert order_case([second, first]) == [first, second]


def test_control_where_the_later_wins_a_barrier_is_hidden_by_who_never_saw_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def say(number: int, state: str) -> StoredMessage:
        content = BarrierUpdate(
            **of_case(number),  # type: ignore[arg-type]
            code="pet_care",
            state=state,
            since="2026-11",
            expires=START + DAY,
        )
        kept = keep(content, position=number, agency=THERE, said_at=START + number)
        return replace(kept, core_hash=name(number), device=DeviceId(bytes([number]) * 16))

    def states() -> list[str]:
        (board,) = boards([say(1, "present"), say(2, "resolved")])
        return [line.state for line in board.barriers]

    assert states() == ["present"]

    without(monkeypatch, "quietway.views.values:rank_caution", lambda version: version.start)
    assert states() == ["resolved"]


def test_a_reader_ends_a_barrier_and_a_set_of_options_whatever_they_say() -> None:
    never = START + 10_000 * DAY
    barrier = BarrierUpdate(
        **of_case(0),  # type: ignore[arg-type]
        code="pet_care",
        state="present",
        since="2026-11",
        expires=never,
    )
    options = RelocationOptions(
        **of_case(1),  # type: ignore[arg-type]
        options=("delay_decision", "shelter_in_network"),
        survivor_choice="undecided",
        expires=never,
    )
    said = [
        keep(content, position=number, agency=THERE, said_at=START)
        for number, content in enumerate((barrier, options))
    ]
    (board,) = boards(said)
    assert [line.until for line in board.barriers] == [START + LONGEST_BARRIER_MS]
    assert [line.until for line in board.relocation] == [START + LONGEST_RELOCATION_MS]
    (board,) = boards(said, START + LONGEST_RELOCATION_MS)
    assert board.relocation == ()
    assert boards(said, START + LONGEST_BARRIER_MS) == ()
