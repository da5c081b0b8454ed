"""A real file of a hospital's system is sent and answered, and what identifies a person stays out.

Spec: docs/reference/interop.md.
"""

from __future__ import annotations

import json
import re
import secrets
import time
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from scenes.referral import DAY_MS, name_receiving, name_referring, show_referral
from scenes.who_sees_what import read_files, search_relay
from world import STATES

from quietway.codes import labels, list_names
from quietway.interop import read_referral, write_task

if TYPE_CHECKING:
    from collections.abc import Iterator

    from world import World

    from quietway.content import ReferralPacket
    from quietway.interop import Imported

TITLE = "A referral from a file of another system"
NEEDS = ("founding",)

PURPOSE = "Please call our desk back; details by phone only."
SHORTEST = 6
# Words that the dictionary, the standard or this story use themselves, and that identify nobody.
COMMON_WORDS = frozenset(
    (
        "accepted",
        "active",
        "asap",
        "draft",
        "in-progress",
        "instance-order",
        "order",
        "original-order",
        "plan",
        "requested",
        "routine",
        "stat",
        "urgent",
    )
)
# The systems of the codes that a Task of ours carries.
OWN_SYSTEMS = frozenset(
    (
        "http://hl7.org/fhir/us/bser/CodeSystem/TaskBusinessStatusCS",
        "urn:quietway:code:reason",
        "urn:quietway:code:referral_state",
        "urn:quietway:code:service_type",
        "urn:quietway:referral_ref",
    )
)


def import_file(raw: bytes) -> Imported:
    """Make a packet of the file.

    Raises:
        ImportRefused: It can't be taken; with reason and field.
    """
    now = time.time_ns() // 1_000_000
    return read_referral(
        raw,
        entropy=secrets.token_bytes(16),
        referring=name_referring(now),
        receiving=name_receiving(),
        purpose_code="information_request",
        purpose_text=PURPOSE,
        info_basis="administrative_record",
        pathway="warm_linkage",
        referred_by="healthcare",
        survivor_choice="agreed",
        feedback_due=now + DAY_MS,
    )


def play(world: World) -> None:
    """Send the file's referral, show what the shelter reads, and search for what must not pass."""
    tell = world.tell
    assert world.referral_file is not None  # noqa: S101 - the demo plays this scene only with a file
    before = b"\n".join(read_files(world.relay_folder))
    imported = import_file(world.referral_file)
    world.remember(imported.packet.purpose_text, str(imported.packet.referral_ref))
    tell.say(
        f"The hospital's own system wrote a FHIR R4 {imported.kind}. Only its codes are read: "
        "which service, how soon. All else was left behind before anything was sealed."
    )
    tell.heading("Left behind, by name of field")
    tell.item("", ", ".join(imported.dropped) or "nothing", column=0)
    if imported.unmapped:
        tell.heading("Read, but not in the code map")
        tell.item("", ", ".join(imported.unmapped), column=0)
    if imported.cautions:
        tell.heading("To be known before it is sent: the file says what must NOT be done")
        tell.item("", ", ".join(imported.cautions), column=0)
    sent = world.hospital.client.referrals.send(imported.packet, to="HARBOR")
    tell.heading("What happened to it")
    tell.item("The hospital sees", f"the referral is {STATES[sent.state]}")
    packet = show_referral(world, world.fetch(world.shelter))
    task = _answer(world, packet)
    # A second copy waits at the relay while its files are searched.
    world.police.client.messages.send(PURPOSE, to=["HARBOR"])
    search_relay(world)
    _search_for_the_person(world, before, packet.model_dump_json(), task)


def _answer(world: World, packet: ReferralPacket) -> str:
    """Let the shelter accept, and give the Task that the hospital's system gets back."""
    world.shelter.client.referrals.acknowledge(packet.referral_ref)
    world.fetch(world.hospital)
    raw = write_task(world.hospital.client.referrals.find(packet.referral_ref))
    task = json.loads(raw)
    world.tell.heading("The FHIR Task that goes back into the hospital's system")
    world.tell.item("", f"status {task['status']}; {len(raw)} bytes, codes only", column=0)
    return raw.decode()


def _search_for_the_person(world: World, before: bytes, packet: str, task: str) -> None:
    assert world.referral_file is not None  # noqa: S101 - as above
    own = read_own_words()
    texts = [text for text in list_texts(json.loads(world.referral_file)) if not _is_in(text, own)]
    relay = b"\n".join(read_files(world.relay_folder))
    # What stood at the relay before anything was sent is a word of its own schema.
    searched = [text.encode() for text in texts if len(text) >= SHORTEST]
    found = {
        "the packet": sum(stands_in(text, packet) for text in texts),
        "the Task": sum(stands_in(text, task) for text in texts),
        "the relay's files": sum(text in relay and text not in before for text in searched),
        "this output": sum(stands_in(text, world.tell.told) for text in texts),
    }
    world.tell.heading(f"Searched for what only the file says. Texts: {len(texts)}")
    for place, times in found.items():
        world.tell.item(place, f"{times} found")
    if any(found.values()):
        raise AssertionError("A text of the file passed the mapper.")


def list_texts(resource: object) -> list[str]:
    """List the texts of a file once each, without the common words of the standard itself."""
    return sorted({text for text in _walk(resource) if _tells(text)} - COMMON_WORDS)


def _tells(text: str) -> bool:
    # A single character, or a short number such as a version, stands everywhere.
    least = SHORTEST if text.replace(".", "").isdigit() else 2
    return len(text.strip()) >= least


def read_own_words() -> str:
    """Read all that the demo, the code lists and the code map say, whatever a file holds."""
    told = [path.read_text("utf-8") for path in Path(__file__).parents[1].rglob("*.py")]
    mapped = files("quietway.interop").joinpath("service_codes.json").read_text("utf-8")
    codes = [word for name in list_names() for pair in labels(name).items() for word in pair]
    return "\n".join((*told, mapped, *codes))


def _is_in(text: str, own: str) -> bool:
    return text in own and stands_in(text, own)


def stands_in(text: str, shown: str) -> bool:
    """Tell whether a text stands somewhere as words of its own."""
    return re.search(rf"(?<!\w){re.escape(text)}(?!\w)", shown) is not None


def _walk(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for held in value:
            yield from _walk(held)
    elif isinstance(value, dict):
        for name, held in value.items():
            # The kind of resource is no text of a person's.
            if name != "resourceType":
                yield from _walk(held)
