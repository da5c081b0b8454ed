"""Devices of several agencies that hand a lead over; what they say arrives late, twice, anyhow.

What a device decides, and what it shows, is the product's own code; the world carries messages.
Each agency has a clock that may be off, and each device knows what it said and what arrived.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from quietway.content import (
    CaseRef,
    LeadAccept,
    LeadAssign,
    LeadConfirm,
    LeadDecline,
    LeadOffer,
    LeadWithdraw,
    StatusIndicator,
)
from quietway.errors import ContentRefused
from quietway.faces.lead_answers import (
    find_acceptance,
    find_offers_out,
    find_open,
    find_to_decline,
)
from quietway.records import StoredMessage
from quietway.views.lead import LeadStory, tell_story
from quietway_schemas.ids import AgencyId, ConversationId, DeviceId, MessageId

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from quietway_schemas.content.base import ContentModel

CASE: Final = CaseRef(b"k" * 16)
START: Final = 1_795_377_600_000
ENDS_AFTER: Final = 60
AGENCIES: Final = {name: AgencyId(name.encode() * 16) for name in "ABC"}
NAMES: Final = {agency: name for name, agency in AGENCIES.items()}
DEVICES: Final = ("A1", "A2", "B1", "C1")


@dataclass
class LeadWorld:
    """`say` and its kin act for a device; `deliver` lets a message arrive.

    Attributes:
        skews: How far the clock of a device is off, by its name.
        held: What each device knows.
        flying: What was said and has not arrived: for whom, and what.
    """

    skews: Mapping[str, int] = field(default_factory=dict)
    held: dict[str, dict[bytes, StoredMessage]] = field(
        default_factory=lambda: {device: {} for device in DEVICES}
    )
    flying: list[tuple[str, StoredMessage]] = field(default_factory=list)
    now: int = START
    said: int = 0
    places: dict[bytes, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """A tells both others of the case."""
        told = StatusIndicator(
            case_ref=CASE,
            code="advocate_assigned",
            state="active",
            effective=START,
            expires=START + 1,
            confidence="reported",
        )
        for other in "BC":
            self.say("A1", other, told)
        self.deliver_all()

    def story(self, device: str) -> LeadStory:
        """Who leads, as a device sees it."""
        me = AGENCIES[device[0]]
        return tell_story(self.held[device].values(), me=me, opened_here=device[0] == "A")

    def lead(self, device: str) -> str:
        """The agency that leads, as a device sees it."""
        agency = self.story(device).lead.agency
        assert agency is not None
        return NAMES[agency]

    def clock(self, device: str) -> int:
        return self.now + self.skews.get(device, 0)

    def say(self, device: str, other: str, content: ContentModel) -> None:
        """Say something to an agency: its devices and one's colleagues hear of it in time."""
        self.said += 1
        name = self.said.to_bytes(32, "big")
        conversation = ConversationId("".join(sorted((device[0], other))).encode() * 8)
        chain = conversation.value + device.encode() * 28
        self.places[chain] = seq = self.places.get(chain, -1) + 1
        for hearer in DEVICES:
            if hearer[0] not in {device[0], other}:
                continue
            mine = hearer == device
            message = StoredMessage(
                position=self.said,
                key=name[16:],
                received=not mine,
                message_id=MessageId(name[16:]),
                conversation=conversation,
                agency=AGENCIES[device[0]],
                program="",
                to=(AGENCIES[other],) if hearer[0] == device[0] else (),
                said_at=self.clock(device),
                content=content,
                chain=chain,
                seq=seq,
                core_hash=name,
                device=None if mine else DeviceId(device.encode() * 8),
            )
            if mine:
                self.held[hearer][message.key] = message
            else:
                self.flying.append((hearer, message))

    def deliver(self, number: int, *, again: bool = False) -> None:
        """Let one message arrive, and, where it comes again, stay on its way too."""
        hearer, message = self.flying[number % len(self.flying)]
        self.held[hearer][message.key] = message
        if not again:
            self.flying.pop(number % len(self.flying))

    def hear(self, hearer: str, *agencies: str) -> None:
        """Let all arrive that these agencies said to one device."""
        for held in [*self.flying]:
            if held[0] == hearer and NAMES[held[1].agency] in agencies:
                self.deliver(self.flying.index(held))

    def deliver_all(self) -> None:
        while self.flying:
            self.deliver(0)

    def offer(self, device: str, to: str) -> None:
        """Offer the lead, as `AsyncCaseLead.offer` does."""
        story, now = self.story(device), self.clock(device)
        others = (held.to != AGENCIES[to] for held in story.lead.find_out(now))
        if self.lead(device) != device[0] or any(others):
            raise ContentRefused("to", "may not be asked.")
        content = LeadOffer(
            case_ref=CASE,
            offer_id=(self.said + 1).to_bytes(16, "big"),
            to_agency=AGENCIES[to],
            term=story.term,
            reason_code="capacity",
            offered_at=now,
            expires=now + ENDS_AFTER,
        )
        self.say(device, to, content)

    def accept(self, device: str) -> None:
        now = self.clock(device)
        offer = find_open(self.story(device), AGENCIES[device[0]], now)
        self.say(
            device,
            NAMES[offer.by],
            LeadAccept(case_ref=CASE, offer_id=offer.offer_id, at=now),
        )

    def decline(self, device: str) -> None:
        offer = find_to_decline(self.story(device), AGENCIES[device[0]])
        self.say(
            device,
            NAMES[offer.by],
            LeadDecline(
                case_ref=CASE,
                offer_id=offer.offer_id,
                reason_code="capacity",
                at=self.clock(device),
            ),
        )

    def confirm(self, device: str, to: str | None = None) -> None:
        """Confirm by hand, as `say_confirmed` does."""
        story, now = self.story(device), self.clock(device)
        if self.lead(device) != device[0]:
            raise ContentRefused("lead", "is another agency's.")
        chosen = find_acceptance(story.lead, None if to is None else AGENCIES[to])
        self.say(
            device,
            NAMES[chosen.to],
            LeadConfirm(case_ref=CASE, offer_id=chosen.offer_id, at=now),
        )
        for held in story.lead.find_out(now):
            if held.to != chosen.to:
                self._withdraw(device, held.to, held.offer_id, now)

    def withdraw(self, device: str) -> None:
        now = self.clock(device)
        if self.lead(device) != device[0]:
            raise ContentRefused("lead", "is another agency's.")
        for held in find_offers_out(self.story(device).lead, None, now):
            self._withdraw(device, held.to, held.offer_id, now, "capacity")

    def tell(self, device: str, to: str) -> None:
        """Tell an agency who leads, as `AsyncCaseLead.tell` does."""
        lead = self.lead(device)
        if to in {lead, device[0]} or lead == device[0]:
            raise ContentRefused("to", "knows.")
        content = LeadAssign(
            case_ref=CASE,
            agency=AGENCIES[lead],
            role="coordination_lead",
            reason_code="main_service",
            at=self.clock(device),
        )
        self.say(device, to, content)

    def go_on(self, device: str) -> None:
        """Do what a device does at each pass, as `LeadSettler` does."""
        story, now = self.story(device), self.clock(device)
        me = AGENCIES[device[0]]
        ready = story.lead.find_unasked(now) if story.lead.agency == me else None
        if ready is not None:
            self.confirm(device, NAMES[ready.to])
        for offer, since in story.find_lost(me=me, now=now):
            self._withdraw(device, offer.to, offer.offer_id, since)

    def settle(self, devices: Iterable[str] = DEVICES) -> None:
        """Let everything arrive, and everybody go on, until nobody has anything to say."""
        rounds = 0
        while True:
            self.deliver_all()
            before = self.said
            for device in devices:
                self.go_on(device)
            if self.said == before:
                return
            rounds += 1
            assert rounds < 20, "it comes to no end"

    def check_one_leads(self) -> None:
        """One agency takes itself for the lead, all its devices do, and all others lead there."""
        views = {device: self.lead(device) for device in DEVICES}
        for agency in "ABC":
            assert len({lead for device, lead in views.items() if device[0] == agency}) == 1
        by_agency = {device[0]: lead for device, lead in views.items()}
        leading = [agency for agency, lead in by_agency.items() if agency == lead]
        assert len(leading) == 1, by_agency
        for agency in by_agency:
            asked = agency
            for _ in by_agency:
                asked = by_agency[asked]
            assert asked == leading[0], by_agency

    def _withdraw(
        self, device: str, to: AgencyId, offer_id: bytes, at: int, reason: str = "led_elsewhere"
    ) -> None:
        content = LeadWithdraw(case_ref=CASE, offer_id=offer_id, reason_code=reason, at=at)
        self.say(device, NAMES[to], content)
