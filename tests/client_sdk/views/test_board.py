"""The board: a named version is gone; of several that nobody put in order, the most cautious."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.client_sdk.agencies import HOSPITAL, POLICE, SHELTER, Agencies
from tests.client_sdk.engine.world import START
from tests.client_sdk.own.linked import give_snapshot, link
from tests.client_sdk.views.test_views import THERE, keep
from tests.controls import without

from quietway.content import CaseRef, StatusIndicator
from quietway.views.board import fold_board
from quietway_schemas.ids import AgencyId, DeviceId
from quietway_schemas.instants import DAY

if TYPE_CHECKING:
    from quietway.records import StoredMessage
    from quietway.views.values import Version

ALERT, PLAN = "heightened_concern", "safety_plan_active"
ONE, TWO, THREE = (DeviceId(bytes([number]) * 16) for number in (1, 2, 3))


def say(
    name: str,
    state: str,
    *seen: str,
    device: DeviceId = ONE,
    at: int = 0,
    code: str = ALERT,
    agency: AgencyId = THERE,
    former: bool = False,
) -> StoredMessage:
    """One version, whose core hash is made of a name."""
    content = StatusIndicator(
        code=code,
        state=state,
        effective=START + at,
        expires=START + at + DAY,
        confidence="reported",
        supersedes=None if former else tuple(sorted(_hash(held) for held in seen)),
    )
    kept = keep(content, position=1, agency=agency, said_at=START + at)
    return replace(kept, device=device, core_hash=_hash(name))


def _hash(name: str) -> bytes:
    return name.encode().ljust(32, b"-")


def states(*messages: StoredMessage, now: int = START + 100) -> list[str]:
    return [line.state for line in fold_board(messages, now=now)]


def test_an_alert_stays_until_a_version_that_names_it_whatever_the_times_say() -> None:
    alert = say("alert", "active", at=5)
    over = say("over", "ended", device=TWO, at=9)
    assert states(alert, over) == states(over, alert) == ["active"]
    # The clock of who resolves it may be behind: what counts is what they saw.
    named = say("over", "ended", "alert", device=TWO, at=1)
    assert states(alert, named) == states(named, alert) == ["ended"]
    assert states(named, alert, alert) == ["ended"]


@pytest.mark.parametrize(
    ("code", "first", "second", "shown"),
    [
        (ALERT, "ended", "active", "active"),
        (ALERT, "unknown", "pending", "pending"),
        (ALERT, "ended", "unknown", "unknown"),
        (PLAN, "active", "ended", "ended"),
        (PLAN, "active", "pending", "pending"),
        (PLAN, "ended", "unknown", "unknown"),
    ],
)
def test_of_two_from_beside_the_more_cautious_is_shown(
    code: str, first: str, second: str, shown: str
) -> None:
    for one, two in ((first, second), (second, first)):
        beside = [
            say("a", one, code=code, at=1),
            say("b", two, code=code, device=TWO, at=2),
        ]
        assert states(*beside) == states(*reversed(beside)) == [shown]


def test_a_device_has_seen_what_it_said_itself_and_a_former_version_all_before_it() -> None:
    assert states(say("a", "active", at=1), say("b", "ended", at=2)) == ["ended"]
    beside = say("c", "active", device=TWO, at=1)
    assert states(beside, say("b", "ended", at=2)) == ["active"]
    assert states(beside, say("b", "ended", at=2, former=True)) == ["ended"]


def test_a_correction_that_names_what_is_later_counts_and_nothing_cancels_out() -> None:
    late = say("a", "active", at=9)
    correction = say("b", "ended", "a", at=1)
    assert states(late, correction) == ["ended"]


def test_what_has_expired_is_not_shown_and_what_it_named_stays_gone() -> None:
    alert = say("a", "active", at=50)
    over = say("b", "ended", "a", device=TWO, at=1)
    assert states(alert, over, now=START + 1 + DAY) == []


@st.composite
def histories(draw: st.DrawFn) -> list[StoredMessage]:
    written: list[str] = []
    said: list[StoredMessage] = []
    for number in range(draw(st.integers(1, 6))):
        seen = draw(st.sets(st.sampled_from(written))) if written else set()
        name = f"version {number}"
        state = draw(st.sampled_from(["active", "pending", "ended", "unknown"]))
        device = draw(st.sampled_from([ONE, TWO, THREE]))
        code = draw(st.sampled_from([ALERT, PLAN]))
        at = draw(st.integers(0, 3))
        said.append(say(name, state, *seen, device=device, at=at, code=code))
        written.append(name)
    return said


@settings(max_examples=60, deadline=None)
@given(histories(), st.randoms(use_true_random=False))
def test_any_order_with_repetitions_shows_the_same_board(
    said: list[StoredMessage], chance: object
) -> None:
    expected = fold_board(said, now=START + 100)
    arrivals = [*said, *said[:3]]
    chance.shuffle(arrivals)  # type: ignore[attr-defined]  # one of random.Random's own
    assert fold_board(arrivals, now=START + 100) == expected
    # Whatever was said of a line, something of it is shown.
    assert {line.code for line in expected} == {
        held.content.code for held in said if isinstance(held.content, StatusIndicator)
    }


def test_control_where_the_later_wins_an_alert_is_hidden_by_who_never_saw_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def later(version: Version) -> int:
        return version.start

    without(monkeypatch, "quietway.views.values:rank_caution", later)
    assert states(say("a", "active", at=5), say("b", "ended", device=TWO, at=9)) == ["ended"]


async def test_the_sdk_names_what_its_agency_shows_of_a_colleague_too(agencies: Agencies) -> None:
    shelter, hospital = await agencies.found_partners(SHELTER, HOSPITAL)
    tablet = await link(agencies, shelter, "tablet")
    await give_snapshot(shelter, tablet)
    await shelter.status.set(ALERT, to="MERCY")
    await tablet.sync()
    await tablet.status.set(ALERT, to="MERCY", state="ended")
    for client in (hospital, shelter):
        await client.sync()
        assert [line.state for line in await client.status.board()] == ["ended"]
    assert [line.state for line in await tablet.status.board()] == ["ended"]


async def test_what_is_named_to_one_agency_tells_it_nothing_of_another(
    agencies: Agencies,
) -> None:
    shelter, hospital, police = await agencies.found_partners(SHELTER, HOSPITAL, POLICE)
    case = CaseRef(agencies.entropy.draw(16))
    named: list[set[bytes]] = []
    for state in ("active", "ended"):
        agencies.clock.advance(1)
        await shelter.status.set(PLAN, to=["MERCY", "CITYPD"], case_ref=case, state=state)
    for client in (hospital, police):
        await client.sync()
        seen = [held.content for held in await client.inbox()]
        named.append(
            {
                name
                for content in seen
                if isinstance(content, StatusIndicator)
                for name in content.supersedes or ()
            }
        )
        assert [line.state for line in await client.status.board()] == ["ended"]
    assert len(named[0]) == len(named[1]) == 1
    assert named[0].isdisjoint(named[1])
    assert [line.state for line in await shelter.status.board()] == ["ended"]
