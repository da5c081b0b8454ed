"""The ends of what waits are kept for as long as it can wait, and wait again."""

from __future__ import annotations

from tests.client_sdk.engine.test_outbox import START, begin
from tests.client_sdk.engine.test_put_back import stored, welcomed

from quietway.ports import Row
from quietway.said_until import MOST_SETTLED, SAID_UNTIL, SaidUntil
from quietway_schemas.frames import ERA_NUMBERS
from quietway_schemas.instants import HOUR

LOCAL_ID = (1).to_bytes(16, "big")
END = START + HOUR


def long_gone() -> list[Row]:
    """Rows of entries that are in no outbox any more, as many as are let go of at once."""
    gone = (number.to_bytes(16, "big") for number in range(2, MOST_SETTLED + 2))
    return [Row(0, held, END.to_bytes(8, "big")) for held in gone]


def test_what_a_relay_lost_is_not_handed_over_again_after_its_end() -> None:
    until = SaidUntil.restore(long_gone())
    until.note(LOCAL_ID, END)
    state = stored()
    assert until.list_over(state, END) == []
    forgotten = {held.key for held in until.forget_settled(state)}
    assert len(forgotten) == MOST_SETTLED
    assert LOCAL_ID not in forgotten
    assert until.list_over(welcomed(state, ERA_NUMBERS + 1), END) == [LOCAL_ID]


def test_what_is_noted_and_not_written_yet_keeps_its_end() -> None:
    until = SaidUntil.restore(long_gone())
    (row,) = until.note(LOCAL_ID, END)
    assert row.kind == SAID_UNTIL
    # Between the note and the commit of the entry something else is sent.
    assert LOCAL_ID not in {held.key for held in until.forget_settled(begin())}
    assert LOCAL_ID not in {held.key for held in until.forget_settled(stored())}
