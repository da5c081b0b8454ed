from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quietway_protocol.errors import LocalProtocolError, RemoteProtocolError
from quietway_protocol.submission import UNANSWERED_BYTES, Refusal, SubmissionSession
from quietway_schemas.frames import Accepted, Refused, decode_answer


def _fed(batches: int, size: int = 10) -> SubmissionSession:
    session = SubmissionSession()
    assert [session.feed(bytes(size)) for _ in range(batches)] == list(range(1, batches + 1))
    return session


def test_one_answer_covers_all_batches_that_became_durable_together() -> None:
    session = _fed(3)
    for number in (1, 2, 3):
        session.note(number, None)
    assert [decode_answer(text) for text in session.take_answers()] == [Accepted(through=3)]
    assert session.take_answers() == []


def test_nothing_is_said_past_a_batch_whose_outcome_is_not_known_yet() -> None:
    session = _fed(3)
    session.note(2, Refusal("malformed_record", 0))
    session.note(3, None)
    assert session.take_answers() == []
    session.note(1, None)
    assert [decode_answer(text) for text in session.take_answers()] == [
        Accepted(through=1),
        Refused(at=2, problem="malformed_record", index=0),
        Accepted(through=3),
    ]


def test_a_text_frame_is_a_breach() -> None:
    with pytest.raises(RemoteProtocolError):
        SubmissionSession().feed("{}")


def test_an_outcome_is_noted_once_and_of_open_batches_only() -> None:
    session = _fed(1)
    session.note(1, None)
    for number in (0, 1, 2):
        with pytest.raises(LocalProtocolError):
            session.note(number, None)


def test_there_is_room_for_64_batches_or_a_mebibyte_and_again_after_the_answer() -> None:
    many, large = _fed(64), _fed(1, UNANSWERED_BYTES)
    assert not many.has_room()
    assert not large.has_room()
    large.note(1, None)
    assert not large.has_room()
    large.take_answers()
    assert large.has_room()


@settings(max_examples=200, deadline=None)
@given(st.permutations(range(1, 21)), st.sets(st.integers(1, 20)), st.integers(1, 5))
def test_in_whatever_order_outcomes_come_each_batch_is_answered_once_in_its_place(
    order: list[int], refused: set[int], every: int
) -> None:
    session, said = _fed(20), []
    for at, number in enumerate(order):
        session.note(number, Refusal("conflict") if number in refused else None)
        if at % every == 0:
            said += [decode_answer(text) for text in session.take_answers()]
    said += [decode_answer(text) for text in session.take_answers()]

    places = [a.through if isinstance(a, Accepted) else a.at for a in said]  # type: ignore[union-attr]  # no closing is among them
    assert all(before < after for before, after in pairwise([0, *places]))
    assert [a.at for a in said if isinstance(a, Refused)] == sorted(refused)
    assert places[-1] == 20


def test_what_is_refused_or_answered_already_is_no_news() -> None:
    session = _fed(2)
    assert session.has_news(since=0)
    session.note(1, Refusal("not_found", 0))
    session.note(2, None)
    session.take_answers()
    assert session.has_news(since=0)
    assert not session.has_news(since=session.stored)
