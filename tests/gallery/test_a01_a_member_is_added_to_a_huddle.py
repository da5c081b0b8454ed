"""Row 1: a hostile relay adds a member to a huddle (Matrix, Nebuchadnezzar; WhatsApp's groups).

The attacker runs the relay, and has a certified device of an agency that is everybody's partner and
takes no part; in one test a member helps him. He brings well-formed statements that name his
device: signed by himself, by a member, an old one of the owner, a second story of the owner.
Defence: who takes part is the chain of statements that the owner's device signed; whoever speaks
seals to the last one that counts and to nobody else, and what others say is shown nowhere.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from tests.client_sdk.crises.huddle import HOSPITAL, LEGAL, POLICE, Huddle, count_to
from tests.controls import without

from quietway.crisis.naming import name_huddle
from quietway.engine.inputs import Compose
from quietway_schemas.content.crisis import HuddleMember, HuddleMembers, HuddleMessage, HuddleParty
from quietway_schemas.content.registry import encode_content, find_class

if TYPE_CHECKING:
    from collections.abc import Iterator

    from quietway import Client
    from quietway.crisis.chain import Statement
    from quietway.views.crises import Crisis
    from quietway_schemas.content.base import ContentModel


class Attack:
    """A huddle of three, and a partner of all of them that is not in it."""

    def __init__(self) -> None:
        self.huddle = Huddle(HOSPITAL, POLICE, LEGAL)
        self.shelter = self.huddle.shelter
        self.hospital, self.police, self.intruder = self.huddle.partners
        self.huddle.activate(partners=[self.hospital.agency_id, self.police.agency_id])
        for partner in (self.hospital, self.police):
            partner.crises.answer(self.huddle.event)
            self.huddle.sandbox.sync()
            self.huddle.sandbox.sync()

    @property
    def members(self) -> tuple[Client, ...]:
        return self.shelter, self.hospital, self.police

    def inject(self, by: Client, content: ContentModel) -> None:
        """Say something to the members as a program does that asks no rule but the wire's."""
        agent = by._client._agent
        composed = Compose(
            now=agent.clock.now(),
            local_id=agent.entropy.draw(16),
            conversation=name_huddle(self.huddle.event),
            to=tuple(sorted(held.agency_id for held in self.members if held is not by)),
            kind=content.type,
            class_=find_class(content),
            content=encode_content(content),
            devices=tuple(sorted({held.device_id for held in self.members})),
            is_read=True,
        )
        by._loop.run(agent.say, composed)
        self.huddle.sandbox.sync()

    def widen(self, shown: Crisis, **changes: object) -> HuddleMembers:
        """Write a well-formed next statement, with the intruder in it."""
        last = shown.membership.statements[-1]
        intruder = HuddleParty(
            agency=self.intruder.agency_id,
            ground="survivor_release",
            vouched_by=self.shelter.agency_id,
            members=(HuddleMember(device=self.intruder.device_id, role="scribe"),),
        )
        others = [held for held in last.content.parties if held.agency != intruder.agency]
        fields: dict[str, object] = {
            "epoch": last.content.epoch + 1,
            "prev": last.name,
            "parties": tuple(sorted((*others, intruder), key=lambda held: held.agency)),
            "change": "joined",
        }
        return last.content.model_copy(update={**fields, **changes})

    def count_sealed_to_intruder(self) -> int:
        """Let every member say something, and count what is sealed for the intruder."""
        before = count_to(self.huddle, self.intruder)
        for member in self.members:
            self.huddle.say(member, "Only for those who take part.")
        self.huddle.sandbox.sync()
        return count_to(self.huddle, self.intruder) - before

    def count_believing(self) -> int:
        """Let the intruder speak; returns how many members show it."""
        content = HuddleMessage(event_id=self.huddle.event, epoch=1, text="I am one of you.")
        self.inject(self.intruder, content)
        shown = [self.huddle.texts(held) for held in self.members]
        return sum("I am one of you." in texts for texts in shown)


@pytest.fixture
def attack() -> Iterator[Attack]:
    made = Attack()
    with made.huddle:
        yield made


def test_without_a_statement_nobody_seals_to_the_intruder_or_believes_it(attack: Attack) -> None:
    assert attack.count_sealed_to_intruder() == 0
    assert attack.count_believing() == 0


@pytest.mark.parametrize("by", ["intruder", "hospital"])
def test_a_statement_that_the_owner_did_not_sign_brings_nobody_in(attack: Attack, by: str) -> None:
    signer: Client = getattr(attack, by)
    attack.inject(signer, attack.widen(attack.huddle.show(attack.hospital)))
    for member in attack.members:
        shown = attack.huddle.show(member)
        assert len(shown.members) == 3
        # Whoever said it does not hear its own word either.
        assert shown.refused == 1
    assert attack.count_sealed_to_intruder() == 0
    assert attack.count_believing() == 0


def test_without_comparing_the_signer_with_the_owner_the_intruder_is_in(
    attack: Attack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The mutant: the forged statement counts, and each of them seals to the intruder."""
    without(monkeypatch, "quietway.crisis.chain:_Walk._is_later", _is_later_whoever_signed)
    attack.inject(attack.intruder, attack.widen(attack.huddle.show(attack.hospital)))
    assert attack.count_sealed_to_intruder() >= 3
    assert attack.count_believing() == 3


def test_an_old_statement_that_is_shown_again_brings_nobody_back(attack: Attack) -> None:
    huddle = attack.huddle
    hospitals = huddle.sandbox.relay._mailboxes[attack.hospital._client._agent.keyring.mailbox]
    attack.shelter.crises.invite(huddle.event, attack.intruder.device_id)
    kept = dict(hospitals._held)
    huddle.sandbox.sync()
    assert len(huddle.show(attack.hospital).members) == 4
    old = huddle.show(attack.hospital).membership.statements[-1].content
    attack.shelter.crises.remove(huddle.event, attack.intruder.agency_id)
    huddle.sandbox.sync()
    # The relay delivers the old envelopes again, and a member says the old words again.
    for held in kept.values():
        hospitals.latest += 1
        hospitals._held[hospitals.latest] = held
    attack.inject(attack.police, old)
    for member in attack.members:
        assert len(huddle.show(member).members) == 3
    assert attack.count_sealed_to_intruder() == 0
    assert attack.count_believing() == 0


def test_of_two_stories_of_the_owner_neither_brings_anybody_in(attack: Attack) -> None:
    """A fork: the owner's device, in other hands, tells some of them of one member more."""
    shown = attack.huddle.show(attack.shelter)
    one = attack.widen(shown)
    other = one.model_copy(
        update={"parties": shown.membership.statements[-1].content.parties, "change": "joined"}
    )
    attack.inject(attack.shelter, one)
    attack.inject(attack.shelter, other)
    for member in attack.members:
        assert attack.huddle.show(member).membership.forked
        assert len(attack.huddle.show(member).members) == 3
    assert attack.count_sealed_to_intruder() == 0
    assert attack.count_believing() == 0


def test_without_looking_for_two_stories_the_one_with_the_intruder_counts(
    attack: Attack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The mutant: whichever story joins on counts, and the intruder is in."""
    shown = attack.huddle.show(attack.shelter)
    one = attack.widen(shown)
    other = one.model_copy(
        update={"parties": shown.membership.statements[-1].content.parties, "change": "joined"}
    )
    without(monkeypatch, "quietway.crisis.chain:_Walk._take_next", _take_the_wider)
    attack.inject(attack.shelter, one)
    attack.inject(attack.shelter, other)
    assert attack.count_sealed_to_intruder() >= 3


def _is_later_whoever_signed(walk: Any, held: Statement, current: Statement) -> bool:
    return held.content.epoch > current.content.epoch and held.name not in walk._used


def _take_the_wider(walk: Any) -> bool:
    found = [held for held in walk._said if walk._is_later(held, walk._chain[-1])]
    if found:
        walk._go_by(min(found, key=lambda held: (held.content.epoch, -len(held.seats))))
    return bool(found)
