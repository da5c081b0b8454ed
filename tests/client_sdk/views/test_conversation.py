"""What a person reads of a conversation: gaps, how they end, and where two stories were told."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from tests.client_sdk.engine.world import START
from tests.client_sdk.views.test_views import CONVERSATION, HERE, THERE, keep

from quietway.engine.conversations import name_place
from quietway.engine.state import Chain, Place
from quietway.views.conversation import (
    OVER_MS,
    Contradiction,
    ConversationEntry,
    Gap,
    Known,
    Said,
    fold_conversation,
)
from quietway_schemas.content.message import MessageText
from quietway_schemas.ids import DeviceId

if TYPE_CHECKING:
    from quietway.records import StoredMessage

DEVICE = DeviceId(b"d" * 16)
INCARNATION = b"i" * 8
AUDIENCE = b"a" * 32
CHAIN = Chain(DEVICE, CONVERSATION, AUDIENCE, INCARNATION)


def say(
    seq: int, text: str = "", *, prev: bytes = bytes(32), answers: StoredMessage | None = None
) -> StoredMessage:
    place = None
    if answers is not None:
        place = name_place(DEVICE, INCARNATION, AUDIENCE, answers.seq)
    content = MessageText(
        text=text or f"number {seq}",
        in_reply_to=None if answers is None else answers.core_hash,
        in_reply_place=place,
    )
    return replace(
        keep(content, position=seq + 1, agency=THERE, said_at=START + seq),
        chain=CHAIN.key,
        seq=seq,
        prev=prev,
        device=DEVICE,
        audience_digest=AUDIENCE,
        core_hash=bytes([seq + 1]) * 32,
    )


def taken(*seen: tuple[int, int], first_prev: bytes = bytes(32)) -> Chain:
    places = {
        seq: Place(bytes(16), bytes([seq + 1]) * 32, first_prev, START + OVER_MS)
        for start, end in seen
        for seq in range(start, end)
    }
    return replace(CHAIN, seen=seen, places=places)


def show(
    *messages: StoredMessage,
    chains: tuple[Chain, ...] = (),
    evidence: tuple[StoredMessage, ...] = (),
    now: int = START,
) -> tuple[ConversationEntry, ...]:
    known = Known(chains, {AUDIENCE: ()})
    return fold_conversation(messages, evidence=evidence, known=known, now=now)


def test_a_gap_says_whose_it_is_how_many_and_between_what() -> None:
    one, four = say(0), say(3)
    entries = show(four, one, chains=(taken((0, 1), (3, 4)),))
    assert [type(entry) for entry in entries] == [Said, Gap, Said]
    assert entries[1] == Gap(DEVICE, THERE, "", 2, one.message_id, four.message_id)


def test_of_what_only_a_quoted_hash_shows_the_number_is_not_known() -> None:
    entries = show(say(0), chains=(taken((0, 1), first_prev=b"x" * 32),))
    gap = entries[0]
    assert isinstance(gap, Gap)
    assert (gap.missing, gap.after) == (None, None)
    earlier = replace(CHAIN, incarnation=b"j" * 8, seen=((0, 1),), places={}, last_core=b"x" * 32)
    (said,) = show(say(0), chains=(taken((0, 1), first_prev=b"x" * 32), earlier))
    assert isinstance(said, Said)


def test_a_gap_is_over_when_nothing_can_arrive_any_more_and_goes_with_what_follows() -> None:
    chain = taken((0, 1), (2, 3))
    messages = (say(0), say(2))
    over = show(*messages, chains=(chain,), now=START + 2 + OVER_MS)
    assert [entry.over for entry in over if isinstance(entry, Gap)] == [True]
    # Retention took the message behind it, and its place has expired.
    assert len(show(say(0), chains=(replace(chain, places={}),))) == 1


def test_what_was_here_and_expired_leaves_no_gap() -> None:
    entries = show(say(0), say(3), chains=(replace(taken((0, 4)), places={}),))
    assert not any(isinstance(entry, Gap) for entry in entries)


def test_something_unseen_after_a_gap_does_not_hide_it() -> None:
    entries = show(say(0), chains=(taken((0, 1), (2, 3)),))
    assert [type(entry) for entry in entries] == [Said, Gap]


def test_a_second_story_stands_beside_the_first_and_its_text_nowhere() -> None:
    first, second = say(0, "Yes."), replace(say(0, "No."), core_hash=b"2" * 32)
    entries = show(first, say(1), evidence=(second,))
    assert [type(entry) for entry in entries] == [Said, Contradiction, Said]
    fork = entries[1]
    assert isinstance(fork, Contradiction)
    assert (fork.kind, fork.device, fork.about) == ("forked", DEVICE, first.message_id)
    assert "No." not in repr(entries)


def test_an_answer_to_another_text_than_the_one_here_is_a_contradiction_whatever_came_first() -> (
    None
):
    here, elsewhere = say(0, "Yes."), replace(say(0, "No."), core_hash=b"2" * 32)
    answer = replace(say(1, "So no.", answers=elsewhere), chain=b"another" + CHAIN.key, seq=0)
    for messages in ((here, answer), (answer, here)):
        entries = show(*messages)
        (told,) = [entry for entry in entries if isinstance(entry, Contradiction)]
        assert (told.kind, told.message_id) == ("told_otherwise", answer.message_id)
        assert told.about == here.message_id
    (alone,) = show(answer)
    assert isinstance(alone, Said)
    assert alone.answers_missing


def test_messages_that_quote_each_other_in_a_circle_are_shown_in_their_places() -> None:
    one, two = say(0), say(2)
    circle = replace(one, content=MessageText(text="number 0", in_reply_to=two.core_hash))
    entries = show(two, circle)
    assert [entry.message_id for entry in entries if isinstance(entry, Said)] == [
        one.message_id,
        two.message_id,
    ]


def test_who_reads_along_is_said_for_each_message_and_what_is_unsent_stands_last() -> None:
    unknown = replace(say(0), audience_digest=b"b" * 32)
    draft = replace(
        keep(MessageText(text="Soon."), position=1, agency=HERE, said_at=START - 1),
        message_id=None,
    )
    entries = show(draft, unknown)
    said = [entry for entry in entries if isinstance(entry, Said)]
    assert [(held.audience_known, held.mine) for held in said] == [(False, False), (True, True)]
