"""The guard: an address is caught before it is sealed, a code goes, a photograph is cleaned.

Spec: docs/spec/guard.md, docs/spec/cleaning.md.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from PIL import Image

from quietway import LocationFound
from quietway.codes import label_of

if TYPE_CHECKING:
    from pathlib import Path

    from world import World

TITLE = "The guard: what would lead to her door is not sealed"
NEEDS = ("founding",)

TYPED = "She is at 417 Elm Street now, second bell."
"""Nobody lives there: the story is made up."""
PLACE, DESCRIPTION, MADE_BY = 0x8825, 0x010E, 0x010F


def play(world: World) -> None:
    """Try to say an address, say a code instead, and send a photograph that knew its place."""
    _catch_an_address(world)
    _send_a_photograph(world)
    world.tell.say(
        "The guard reads words. It does not recognise a place that is described, or what a "
        "photograph shows: codes come first. `quietway guard limits` says it in full."
    )


def _catch_an_address(world: World) -> None:
    tell, hospital = world.tell, world.hospital.client
    tell.say("It is late, and at the hospital somebody types where she is:")
    tell.item("typed", TYPED)
    # At the end it is looked for in all that the relay and the agencies have.
    world.remember_refused(TYPED)
    waiting = len(hospital.outbox())
    try:
        hospital.messages.send(TYPED, to="HARBOR")
    except LocationFound as refused:
        (found,) = refused.findings
    else:
        raise AssertionError("An address was sealed.")
    list_name, _, code = found.codes[0].partition("/")
    tell.item("refused", f"by {found.rule}: {found.explain()}")
    tell.item("underlined", TYPED[found.start : found.end])
    tell.item("offered instead", label_of(list_name, code))
    if len(hospital.outbox()) != waiting:
        raise AssertionError("What was refused waits in the outbox.")
    hospital.status.set(code, to="HARBOR")
    world.fetch(world.shelter)
    seen = [entry.code for entry in world.shelter.client.status.board()]
    if code not in seen:
        raise AssertionError("The code did not arrive.")
    tell.item("The shelter reads", label_of(list_name, code))
    tell.say("The partner knows what to do, and no copy of the address exists anywhere.")


def _send_a_photograph(world: World) -> None:
    tell, photograph = world.tell, _take_photograph()
    tell.heading("A photograph from a telephone, before")
    for line in _list_tags(photograph):
        tell.item("it says", line)
    sent = world.hospital.client.attachments.send(photograph, name="injury.jpg", to="HARBOR")
    tell.heading("What the hospital is told")
    tell.item("", sent.explain_removed(), column=0)
    world.fetch(world.shelter)
    fetched = _fetch(world).read_bytes()
    tell.heading("The photograph that the shelter has")
    left = _list_tags(fetched)
    if left:
        raise AssertionError("A photograph still says where it was taken.")
    size = Image.open(io.BytesIO(fetched)).size
    tell.item("it says", f"nothing besides its picture, {size[0]} by {size[1]} points")


def _fetch(world: World) -> Path:
    shelter = world.shelter.client
    held = shelter.attachments.list()[-1]
    if held.message_id is None:
        raise AssertionError("The photograph did not arrive.")
    return shelter.attachments.fetch(held.message_id, world.folder).path


def _take_photograph() -> bytes:
    notes = Image.Exif()
    notes[DESCRIPTION], notes[MADE_BY] = "the new flat", "a telephone"
    notes.get_ifd(PLACE).update({1: "N", 2: (48.0, 8.0, 30.0), 3: "E", 4: (11.0, 34.0, 30.0)})
    out = io.BytesIO()
    Image.new("RGB", (96, 64), (180, 150, 140)).save(out, "JPEG", exif=notes)
    return out.getvalue()


def _list_tags(photograph: bytes) -> list[str]:
    notes = Image.open(io.BytesIO(photograph)).getexif()
    place = notes.get_ifd(PLACE)
    told = [f"{notes[DESCRIPTION]!r}, as its description"] if DESCRIPTION in notes else []
    told += [f"taken with {notes[MADE_BY]}"] if MADE_BY in notes else []
    if place:
        north, east = (_to_degrees(place[tag]) for tag in (2, 4))
        told.append(f"taken at {north:.4f} N, {east:.4f} E: one house")
    return told


def _to_degrees(parts: tuple[float, float, float]) -> float:
    degrees, minutes, seconds = parts
    return float(degrees) + float(minutes) / 60 + float(seconds) / 3_600
