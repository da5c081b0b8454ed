"""One lead, whatever crosses: two devices of the agency that leads, and messages in any order."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations, product
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from tests.client_sdk.cases.lead_world import AGENCIES, CASE, DEVICES, ENDS_AFTER, LeadWorld
from tests.controls import without

from quietway.content import LeadAccept, LeadConfirm, LeadOffer
from quietway.errors import ContentRefused
from quietway.views import lead_offers
from quietway.views.timeline import order_case

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from quietway.records import StoredMessage
    from quietway.views.lead import Lead
    from quietway.views.lead_offers import OfferedLead
    from quietway_schemas.ids import AgencyId
    from quietway_schemas.instants import Instant

A_DEVICE = st.sampled_from(("A1", "A2", *DEVICES))
AN_AGENCY = st.sampled_from("ABC")
FEW_EXAMPLES = settings(
    max_examples=40,
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow],
)


class Handovers(RuleBasedStateMachine):
    """Anybody does anything that the calls allow, and any message arrives, or does so again."""

    world: LeadWorld

    @initialize(
        skews=st.fixed_dictionaries({device: st.integers(-5, 5) for device in DEVICES}),
        crossed=st.sampled_from((None, False, True)),
    )
    def begin(self, skews: dict[str, int], crossed: bool | None) -> None:
        """Nothing was offered, or two acceptances have crossed already."""
        self.world = LeadWorld(skews) if crossed is None else cross(known=crossed, skews=skews)

    @rule(device=A_DEVICE, to=AN_AGENCY, accepts=st.booleans())
    def offer(self, device: str, to: str, accepts: bool) -> None:
        if to != device[0] and self._try("offer", device, to):
            self.world.hear(f"{to}1", device[0])
            if accepts:
                self._try("accept", f"{to}1")

    @rule(device=A_DEVICE)
    def accept(self, device: str) -> None:
        self._try("accept", device)

    @rule(device=A_DEVICE, to=AN_AGENCY)
    def confirm(self, device: str, to: str) -> None:
        self._try("confirm", device, to)

    @rule(device=A_DEVICE, to=AN_AGENCY)
    def hear_and_confirm(self, device: str, to: str) -> None:
        self.world.hear(device, to)
        self._try("confirm", device, to)

    @rule(device=A_DEVICE)
    def decline(self, device: str) -> None:
        self._try("decline", device)

    @rule(device=A_DEVICE)
    def withdraw(self, device: str) -> None:
        self._try("withdraw", device)

    @rule(device=A_DEVICE, to=AN_AGENCY)
    def tell(self, device: str, to: str) -> None:
        if self._try("tell", device, to):
            self.world.hear(f"{to}1", device[0])

    @rule(device=A_DEVICE, hears=st.booleans())
    def go_on(self, device: str, hears: bool) -> None:
        if hears:
            self.world.hear(device, *"ABC")
        self.world.go_on(device)

    @precondition(lambda self: self.world.flying)
    @rule(number=st.integers(0, 30), again=st.booleans())
    def deliver(self, number: int, again: bool) -> None:
        self.world.deliver(number, again=again)

    @rule(later=st.integers(1, 9))
    def wait(self, later: int) -> None:
        self.world.now += later

    @invariant()
    def everybody_names_one_lead_and_nobody_itself_unconfirmed(self) -> None:
        for device in DEVICES:
            me, story = AGENCIES[device[0]], self.world.story(device)
            assert story.lead.agency in AGENCIES.values()
            if story.lead.agency == me and device[0] != "A":
                taken = [offer for offer in story.offers if offer.to == me and offer.state == "led"]
                assert any(offer.accepted_at is not None for offer in taken)
            led = [offer for offer in lead_offers.find_led(story.offers, me) if offer.by == me]
            assert len({offer.term for offer in led}) == len(led)

    def teardown(self) -> None:
        if hasattr(self, "world"):
            self.world.settle()
            self.world.check_one_leads()

    def _try(self, act: str, *named: str) -> bool:
        try:
            getattr(self.world, act)(*named)
        except ContentRefused:
            return False
        return True


@pytest.mark.requirement("C14", "B34")
def test_v07_whatever_crosses_one_agency_leads_once_all_arrived_and_everybody_comes_to_it() -> None:
    """C14, B34: one coordination lead (V07); it shifts when it was accepted and confirmed."""
    run_state_machine_as_test(Handovers, settings=FEW_EXAMPLES)


def cross(*, known: bool, skews: Mapping[str, int] | None = None) -> LeadWorld:
    """A's two devices offer to B and C in the same hour, and both accept.

    Args:
        known: Whether each of the two hears of the other's offer before it confirms its own.
        skews: How far the clock of a device is off, by its name.
    """
    world = LeadWorld(skews or {})
    world.offer("A1", "B")
    world.now += 1
    world.offer("A2", "C")
    for device, other in (("B1", "A"), ("C1", "A")):
        world.hear(device, other)
        world.accept(device)
    heard = "ABC" if known else "BC"
    world.hear("A1", *heard.replace("C", ""))
    world.hear("A2", *heard.replace("B", ""))
    world.now += 1
    return world


def confirm_both(world: LeadWorld, *, by_hand: bool) -> None:
    for device, to in (("A1", "B"), ("A2", "C")):
        if by_hand:
            world.confirm(device, to)
        else:
            world.go_on(device)
        world.now += 1


@pytest.mark.parametrize("by_hand", [True, False])
def test_two_confirmations_that_crossed_come_to_the_one_that_was_first(by_hand: bool) -> None:
    world = cross(known=by_hand)
    confirm_both(world, by_hand=by_hand)
    world.settle()
    world.check_one_leads()
    assert [world.lead(device) for device in DEVICES[:3]] == ["B", "B", "B"]
    # Who did not get it is told so, and not by whom it is led: that takes a person.
    assert world.lead("C1") == "A"
    assert world.story("C1").lead.went_elsewhere
    world.tell("A1", "C")
    world.settle()
    assert {world.lead(device) for device in DEVICES} == {"B"}


def test_where_two_agencies_were_asked_no_device_confirms_by_itself() -> None:
    world = cross(known=True)
    world.settle()
    assert {world.lead(device) for device in DEVICES} == {"A"}
    with pytest.raises(ContentRefused, match="name one"):
        world.confirm("A1")
    world.confirm("A1", "C")
    world.settle()
    world.check_one_leads()
    assert world.lead("C1") == "C"
    assert world.story("B1").lead.went_elsewhere
    with pytest.raises(ContentRefused, match="went to another agency"):
        world.accept("B1")


def test_two_confirmations_of_one_millisecond_leave_the_lead_where_it_was() -> None:
    world = cross(known=True)
    world.confirm("A1", "B")
    world.confirm("A2", "C")
    world.settle()
    assert {world.lead(device) for device in DEVICES} == {"A"}
    world.now += 1
    world.offer("A2", "C")
    world.settle()
    world.accept("C1")
    world.settle()
    world.check_one_leads()
    assert world.lead("C1") == "C"


def test_whoever_led_by_a_void_confirmation_takes_back_what_it_gave_away() -> None:
    world = cross(known=False)
    confirm_both(world, by_hand=True)
    world.hear("C1", "A")
    assert world.lead("C1") == "C"
    world.tell("A2", "B")
    world.hear("B1", "A")
    world.now += 1
    world.offer("C1", "B")
    world.settle()
    assert world.lead("C1") == "A"
    with pytest.raises(ContentRefused, match="offer"):
        world.accept("B1")
    world.check_one_leads()


def give_it_back_unasked() -> str:
    """B leads, and says an offer under the id by which A gave it the lead; who leads, to A."""
    world = LeadWorld(skews={"B1": -1_000})
    hand_over(world, "A1", "B")
    (offer,) = world.story("A1").offers
    assert world.lead("A1") == "B"
    mine = LeadOffer(
        case_ref=CASE,
        offer_id=offer.offer_id,
        to_agency=AGENCIES["C"],
        term=0,
        reason_code="capacity",
        offered_at=world.clock("B1"),
        expires=world.now + ENDS_AFTER,
    )
    world.say("B1", "A", mine)
    world.deliver_all()
    return world.lead("A1")


def test_nobody_gives_a_lead_back_by_an_offer_under_the_id_of_another_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert give_it_back_unasked() == "B"

    # The control: an offer is known by its id alone.
    def gather_by_id(said: Sequence[StoredMessage]) -> tuple[OfferedLead, ...]:
        found: dict[bytes, OfferedLead] = {}
        for offer in lead_offers.gather_offers(said):
            found.setdefault(offer.offer_id, offer)
        return tuple(found.values())

    without(monkeypatch, "quietway.views.lead:gather_offers", gather_by_id)
    assert give_it_back_unasked() == "A"


def hand_over(world: LeadWorld, device: str, to: str) -> None:
    world.now += 1
    world.offer(device, to)
    world.settle()
    world.accept(f"{to}1")
    world.settle()


def test_a_lead_that_came_back_is_given_away_anew() -> None:
    world = LeadWorld({"B1": 9, "A2": -9})
    hand_over(world, "A1", "B")
    hand_over(world, "B1", "A")
    assert {world.lead(device) for device in DEVICES} == {"A"}
    hand_over(world, "A2", "C")
    world.check_one_leads()
    assert [world.lead(device) for device in ("A1", "A2", "C1")] == ["C", "C", "C"]


@pytest.mark.parametrize("known", [True, False])
def test_in_every_order_of_arrival_they_come_to_the_same(known: bool) -> None:
    started = cross(known=known)
    confirm_both(started, by_hand=True)
    found = set()
    for orders in list_orders(started):
        world = replace(started, held={name: {**kept} for name, kept in started.held.items()})
        world.flying = []
        for device, arrivals in zip(DEVICES, orders, strict=True):
            for message in arrivals:
                world.held[device][message.key] = message
                world.go_on(device)
        world.settle()
        world.check_one_leads()
        found.add(tuple(map(world.lead, DEVICES)))
    assert found == {("B", "B", "B", "A")}


def list_orders(world: LeadWorld) -> Iterator[tuple[tuple[StoredMessage, ...], ...]]:
    """List every order in which each device may hear what is on its way to it."""
    coming = [[held for name, held in world.flying if name == device] for device in DEVICES]
    return product(*map(permutations, coming))


def is_acceptance(held: StoredMessage, by: Mapping[bytes, AgencyId]) -> bool:
    return isinstance(held.content, LeadAccept) and held.content.offer_id in by


def made_up(held: StoredMessage, by: Mapping[bytes, AgencyId]) -> StoredMessage:
    """A confirmation that nobody said, as if an acceptance were one."""
    assert isinstance(held.content, LeadAccept)
    offer_id = held.content.offer_id
    content = LeadConfirm(case_ref=CASE, offer_id=offer_id, at=held.said_at)
    return replace(held, content=content, agency=by[offer_id])


def test_control_where_an_acceptance_is_enough_two_agencies_lead(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def confirm_all(messages: Iterable[StoredMessage]) -> list[StoredMessage]:
        said = order_case(messages)
        by = {offer.offer_id: offer.by for offer in lead_offers.gather_offers(said)}
        return [*said, *(made_up(held, by) for held in said if is_acceptance(held, by))]

    without(monkeypatch, "quietway.views.lead:order_case", confirm_all)
    world = cross(known=False)
    world.deliver_all()
    assert (world.lead("B1"), world.lead("C1")) == ("B", "C")
    with pytest.raises(AssertionError):
        world.check_one_leads()


def test_control_where_nothing_lost_is_withdrawn_two_agencies_lead(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    without(monkeypatch, "quietway.views.lead:find_lost", lambda *_, **__: ())
    world = cross(known=False)
    confirm_both(world, by_hand=True)
    world.settle()
    assert (world.lead("B1"), world.lead("C1")) == ("B", "C")
    with pytest.raises(AssertionError):
        world.check_one_leads()


def test_control_where_who_confirms_by_itself_looks_at_no_other_offer_confirmations_cross(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def find_any(lead: Lead, now: Instant) -> OfferedLead | None:
        ready = (offer for offer in lead.find_out(now) if offer.state == "accepted")
        return next((offer for offer in ready if offer.made_here), None)

    without(monkeypatch, "quietway.views.lead:Lead.find_unasked", find_any)
    world = cross(known=True)
    confirm_both(world, by_hand=False)
    world.deliver_all()
    for device in ("B1", "C1"):
        said = [held.content.type for held in world.held[device].values()]
        assert said.count("lead.confirmed") == 1
