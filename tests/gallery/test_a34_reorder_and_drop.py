"""Row 34: "I say yes to / all the pizzas. I say no to / all the crimes", with the answers swapped.

The attacker is the relay or the network: it delivers a conversation in any order it likes, and
leaves messages out. In MTProto and in Threema the recipient read a story that nobody had told.
Defences: each message's place and the hash of the one before it stand in the signature, so a
device's own order is absolute and what is missing is shown; an answer comes after what it quotes;
and a status is a whole statement, of which the newest counts and not the last to arrive.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import pairwise, permutations
from typing import TYPE_CHECKING, Final

import pytest
from tests.controls import without
from tests.gallery.parties import (
    HOSPITAL,
    NOW,
    POLICE,
    SHELTER,
    make_core,
    send,
    send_row,
    text,
)
from tests.gallery.world import World

from quietway.engine.conversations import name_place
from quietway.engine.effects import RecordReceived
from quietway.engine.inputs import EnvelopeOpened
from quietway.engine.state import State
from quietway.engine.step import step
from quietway.ports import Row
from quietway.records import StoredMessage, read_message, write_record
from quietway.sealing import hash_core
from quietway.views.board import fold_board
from quietway.views.conversation import Gap, Known, Said, fold_conversation
from quietway_schemas.content.message import MessageText
from quietway_schemas.content.registry import find_class
from quietway_schemas.content.status import StatusIndicator
from quietway_schemas.envelope import Core
from quietway_schemas.instants import DAY, MINUTE

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tests.gallery.parties import Party

    from quietway.sealing import Opened
    from quietway.views.conversation import ConversationEntry
    from quietway_schemas.content.base import ContentModel

STORY: Final = ("p0", "p1", "p2", "h0", "p3", "h1")
"""As it was told. The police's clock was set back before p2, and the hospital's is behind."""


def _status(state: str) -> StatusIndicator:
    return StatusIndicator(
        code="safety_plan_active",
        state=state,
        effective=NOW,
        expires=NOW + DAY,
        confidence="reported",
    )


@dataclass
class Author:
    """One device and its chain."""

    party: Party
    others: tuple[Party, ...]
    cores: list[bytes] = field(default_factory=list)

    def say(self, content: ContentModel, created: int) -> Opened:
        made = Core.unpack(make_core(self.party, content, *self.others, seq=len(self.cores)))
        prev = hash_core(self.cores[-1]) if self.cores else bytes(32)
        expires = created + made.expires - made.created
        core = replace(made, prev=prev, created=created, expires=expires).pack()
        self.cores.append(core)
        label = f"{self.party.name} {len(self.cores)}"
        envelope = send(self.party, SHELTER, core, find_class(content), label=label)
        return SHELTER.open(envelope, POLICE, HOSPITAL)


@pytest.fixture(scope="module")
def story() -> dict[str, Opened]:
    """Say everything once, seal it and open it: what is permuted is the arrival."""
    police = Author(POLICE, (SHELTER, HOSPITAL))
    hospital = Author(HOSPITAL, (SHELTER, POLICE))
    told = {
        "p0": police.say(text("I say yes to all the pizzas."), NOW),
        "p1": police.say(_status("active"), NOW + 1_000),
        "p2": police.say(text("I say no to all the crimes."), NOW - MINUTE),
        "p3": police.say(_status("ended"), NOW + 3_000),
    }
    asked = told["p2"].core
    answer = MessageText(
        text="We agree.",
        in_reply_to=told["p2"].core_hash,
        in_reply_place=name_place(asked.device, asked.incarnation, asked.audience_digest, 2),
    )
    told["h0"] = hospital.say(answer, NOW - 2 * MINUTE)
    told["h1"] = hospital.say(text("That was all."), NOW + 4_000)
    return told


class Desk:
    """What the shelter's device makes of what arrives, without the network around it."""

    def __init__(self, story: dict[str, Opened]) -> None:
        self.names = {opened.message_id: name for name, opened in story.items()}
        self.story = story
        self.rows: dict[str, StoredMessage] = {}
        self.begin()

    def begin(self) -> None:
        self.state = State(SHELTER.agency, SHELTER.device)
        self.messages: list[StoredMessage] = []

    def take(self, name: str) -> None:
        given = EnvelopeOpened(NOW, len(self.messages) + 1, self.story[name])
        self.state, effects = step(self.state, given)
        for effect in effects:
            if isinstance(effect, RecordReceived):
                position = len(self.messages) + 1
                self.messages.append(replace(self._read(name, effect), position=position))

    def _read(self, name: str, record: RecordReceived) -> StoredMessage:
        if name not in self.rows:
            put = write_record(record, agency=SHELTER.agency, program="", counted=0)
            self.rows[name] = read_message(Row(1, put.key, put.value))
        return self.rows[name]

    def show(self) -> tuple[ConversationEntry, ...]:
        known = Known(tuple(self.state.chains.values()), self.state.audiences)
        return fold_conversation(self.messages, known=known, now=NOW)

    def order(self) -> tuple[str, ...]:
        return tuple(
            self.names[entry.message_id]
            for entry in self.show()
            if isinstance(entry, Said) and entry.message_id is not None
        )

    def status(self) -> str:
        return "".join(entry.state for entry in fold_board(self.messages, now=NOW + 5_000))


def _missing(here: Sequence[str], author: str) -> int:
    """Count what lies below the newest of an author's messages that is here."""
    places = [int(name[1]) for name in here if name[0] == author]
    return max(places, default=-1) + 1 - len(places)


def _newest_status(here: Sequence[str]) -> str:
    return "ended" if "p3" in here else "active" if "p1" in here else ""


def check_every_arrival(desk: Desk) -> None:
    """Deliver in all 720 orders, and look after each arrival: so each drop is looked at as well."""
    shown: dict[frozenset[str], tuple[str, ...]] = {}
    for arrival in permutations(STORY):
        desk.begin()
        for count, name in enumerate(arrival, start=1):
            desk.take(name)
            here = arrival[:count]
            order = desk.order()
            assert shown.setdefault(frozenset(here), order) == order
            _check_order(order)
            gaps = [entry for entry in desk.show() if isinstance(entry, Gap)]
            missing = sum(gap.missing or 0 for gap in gaps)
            assert missing == _missing(here, "p") + _missing(here, "h")
            assert desk.status() == _newest_status(here)
        assert desk.order() == STORY


def _check_order(order: Sequence[str]) -> None:
    for author in "ph":
        mine = [name for name in order if name[0] == author]
        assert mine == sorted(mine)
    for name, other in pairwise([name for name in order if name in {"p2", "h0"}]):
        assert (name, other) == ("p2", "h0")


@pytest.mark.requirement("A51")
def test_in_720_orders_and_with_each_message_dropped_the_story_stays_the_story(
    story: dict[str, Opened],
) -> None:
    """A51: a merge that does not mind the order, and says what has not come."""
    check_every_arrival(Desk(story))


@pytest.mark.parametrize("dropped", [name for name in STORY if name not in {"p3", "h1"}])
def test_what_is_dropped_is_named_where_it_is_missing(
    story: dict[str, Opened], dropped: str
) -> None:
    desk = Desk(story)
    for name in STORY:
        if name != dropped:
            desk.take(name)
    entries = desk.show()
    (at,) = [number for number, entry in enumerate(entries) if isinstance(entry, Gap)]
    gap, following = entries[at], entries[at + 1]
    assert isinstance(gap, Gap)
    assert isinstance(following, Said)
    assert gap.device == story[dropped].core.device
    assert (gap.missing, gap.before, gap.over) == (1, following.message_id, False)
    assert following.message_id == story[f"{dropped[0]}{int(dropped[1]) + 1}"].message_id
    # It disappears when the missing one arrives after all.
    desk.take(dropped)
    assert not any(isinstance(entry, Gap) for entry in desk.show())


async def test_a_relay_that_drops_one_of_many_is_found_out_by_a_program(tmp_path: Path) -> None:
    world = World(tmp_path)
    sender = await world.found("POLICE-DESK")
    victim = await world.found("SHELTER-DESK", sender)
    envelopes = send_row(sender, victim, ["I say yes.", "All the pizzas.", "I say no."])
    world.deliver(victim, envelopes[0], envelopes[2])
    await victim.client.sync()
    held = await victim.client.inbox()
    entries = await victim.client.messages.conversation(held[0].conversation)
    assert [type(entry) for entry in entries] == [Said, Gap, Said]
    world.deliver(victim, envelopes[1])
    await victim.client.sync()
    entries = await victim.client.messages.conversation(held[0].conversation)
    said = [entry.content for entry in entries if isinstance(entry, Said)]
    assert [held.text for held in said if isinstance(held, MessageText)] == [
        "I say yes.",
        "All the pizzas.",
        "I say no.",
    ]


def test_control_without_chains_the_clock_decides_who_said_no_to_what(
    story: dict[str, Opened], monkeypatch: pytest.MonkeyPatch
) -> None:
    without(
        monkeypatch,
        "quietway.views.conversation:_queue_up",
        lambda sent: [[held] for held in sent],
    )
    desk = Desk(story)
    for name in STORY:
        desk.take(name)
    assert desk.order().index("p2") < desk.order().index("p0")


def test_control_without_looking_for_holes_nobody_misses_what_was_dropped(
    story: dict[str, Opened], monkeypatch: pytest.MonkeyPatch
) -> None:
    without(monkeypatch, "quietway.views.conversation:find_holes", lambda _chain: ())
    desk = Desk(story)
    for name in ("p0", "p1", "p3"):
        desk.take(name)
    assert not any(isinstance(entry, Gap) for entry in desk.show())


def test_control_where_the_last_to_arrive_counts_the_relay_chooses_the_status(
    story: dict[str, Opened], monkeypatch: pytest.MonkeyPatch
) -> None:
    without(
        monkeypatch,
        "quietway.views.values:Version.gives_way_to",
        lambda one, other: one.message.position < other.message.position,
    )
    desk = Desk(story)
    for name in ("p3", "p0", "p2", "p1"):
        desk.take(name)
    assert desk.status() == "active"
