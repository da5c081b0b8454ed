"""Logistics: three named devices, a day, no place; and the words that two people say."""

from __future__ import annotations

import pytest
from tests.client_sdk.crises.huddle import HOSPITAL, LEGAL, POLICE, Huddle, count_to
from tests.controls import without
from tests.schemas.crisis_samples import NOW, make_logistics

from quietway.crisis.handover_code import is_code, show_code
from quietway.errors import ContentRefused
from quietway.sealing import EXPIRED, OpeningRefused, check_life
from quietway_schemas.content.crisis import LONGEST_LOGISTICS_MS, Logistics
from quietway_schemas.instants import HOUR, SECOND

CODE = b"\x01\x23\x45\x67\x89\xab"


@pytest.mark.requirement("A47")
def test_what_is_arranged_is_told_to_the_named_devices_alone_and_for_a_day() -> None:
    """A47: named individuals only, the shortest life, no place: that goes by voice with a code."""
    with Huddle(HOSPITAL, POLICE, LEGAL) as huddle:
        huddle.open()
        hospital, police, legal = huddle.partners
        now = huddle.sandbox.clock.now()
        window = {"window_from": now + HOUR, "window_to": now + 2 * HOUR}
        everyone = [held.device for held in huddle.show(huddle.shelter).members]
        with pytest.raises(ContentRefused, match="recipients"):
            huddle.shelter.crises.send_logistics(huddle.event, "transport", to=everyone, **window)
        with pytest.raises(ContentRefused, match="expires"):
            huddle.shelter.crises.send_logistics(
                huddle.event,
                "transport",
                to=[hospital.device_id],
                expires=now + LONGEST_LOGISTICS_MS + 1,
                **window,
            )
        before = count_to(huddle, police), count_to(huddle, legal)
        told = huddle.shelter.crises.send_logistics(
            huddle.event, "transport", to=[hospital.device_id], **window
        )
        huddle.sandbox.sync()
        assert (count_to(huddle, police), count_to(huddle, legal)) == before
        (held,) = huddle.show(hospital).logistics
        assert huddle.show(police).logistics == ()
        # The two on the phone: each says the half that the other one does not.
        caller, called = told.words.split()[:2], told.words.split()[2:]
        assert hospital.crises.show_words(held) == told.words
        assert hospital.crises.compare_words(held, " ".join(caller), called=False)
        assert huddle.shelter.crises.compare_words(held, " ".join(called), called=True)
        assert not huddle.shelter.crises.compare_words(held, " ".join(caller), called=True)
        huddle.sandbox.clock.advance(LONGEST_LOGISTICS_MS / SECOND)
        assert huddle.show(hospital).logistics == ()
        assert huddle.show(huddle.shelter).logistics == ()


@pytest.mark.requirement("A47")
def test_what_is_over_is_neither_sent_nor_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    """A47: its end is kept to at sending and at opening, not at showing alone."""
    with Huddle(HOSPITAL) as huddle:
        huddle.open()
        hospital, now = huddle.partners[0], huddle.sandbox.clock.now()
        huddle.sandbox.relay.offline = True
        huddle.shelter.crises.send_logistics(
            huddle.event,
            "transport",
            to=[hospital.device_id],
            window_from=now,
            window_to=now,
            expires=now + HOUR,
        )
        before = count_to(huddle, hospital)
        huddle.sandbox.clock.advance(HOUR / SECOND)
        huddle.sandbox.relay.offline = False
        huddle.sandbox.sync()
        assert count_to(huddle, hospital) == before
    late = make_logistics(expires=NOW + HOUR)
    check_life(late, NOW, NOW + HOUR - 1)
    with pytest.raises(OpeningRefused, match=EXPIRED):
        check_life(late, NOW, NOW + HOUR)
    # The control: without it, what waited at the relay until after its end would be opened.
    without(monkeypatch, "quietway.sealing:check_life", lambda *_: None)
    from quietway.sealing import check_life as none_left  # noqa: PLC0415 - after it was replaced

    none_left(late, NOW, NOW + HOUR)


def test_one_that_names_a_later_end_is_opened_nowhere() -> None:
    long = Logistics.model_construct(**make_logistics().__dict__ | {"expires": NOW + 3 * 24 * HOUR})
    with pytest.raises(OpeningRefused, match="bad_content"):
        check_life(long, NOW, NOW)


def test_the_words_are_compared_by_halves_however_they_are_typed() -> None:
    words = show_code(CODE).split()
    assert len(words) == 4
    assert is_code(CODE, f"1. {words[0].upper()}\n{words[1]}", called=False)
    assert is_code(CODE, f"{words[2]}  {words[3]}", called=True)
    assert not is_code(CODE, f"{words[2]} {words[3]}", called=False)
    for spoken in ("", words[0], " ".join(words), "no such"):
        with pytest.raises(ContentRefused):
            is_code(CODE, spoken, called=True)
