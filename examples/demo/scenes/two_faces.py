"""A relay that shows two faces is caught: two directories, each with proofs, under one log key.

The hostile operator runs a second copy of the relay and leads a newcomer to it. Each face is whole
in itself. What convicts them is one invitation, handed over outside the relay.

Spec: docs/howto/audit-the-log.md.
"""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from relay import Relay
from world import QUICK, STATES

from quietway import Client, EvidenceRefused, LogForked, verify_evidence

if TYPE_CHECKING:
    from world import World

TITLE = "A relay that shows two faces is caught"
NEEDS = ("founding",)

AFTERWARDS = "We have seen that the relay shows two stories. Call me on the usual number."


def play(world: World) -> None:
    """Copy the relay, let each copy go on by itself, and let two agencies meet."""
    tell = world.tell
    face = _copy_relay(world)
    police, shelter = world.police, world.shelter.client
    roles = ("liaison", "police_liaison")
    police.client.devices.set_roles(police.client.device_id, roles, passphrase=police.passphrase)
    hotline = _found(world, face, "HOTLINE-DESK", "frontline_advocate")
    tell.item("The operator", "runs the relay twice from one copy, with one log key")
    tell.item("The police", "change their list of devices at the first face")
    tell.item("A hotline", "joins at the second")
    for name, client in (("The shelter", shelter), ("The hotline", hotline)):
        problems = client.sync().problems
        size = client.log.standing().size
        tell.item(name, f"verifies {size} entries of the log: {len(problems)} problems")
        if problems:
            raise AssertionError("Each face must be whole in itself.")
    to_shelter, to_hotline = hotline.partners.invite("Harbor"), shelter.partners.invite("Hotline")
    tell.item("The two", "hand each other an invitation, on paper")
    shelter.partners.add(to_shelter)
    hotline.partners.add(to_hotline)
    for name, client in (("The shelter", shelter), ("The hotline", hotline)):
        _see_caught(world, name, client)
    _go_on(world, shelter)


def _copy_relay(world: World) -> Relay:
    """Copy the relay as it lies there, and run both."""
    folder = world.folder / "second face"
    world.relay.stop()
    shutil.copytree(world.relay_folder, folder)
    world.relay.start()
    face = Relay(folder)
    world.stop_at_the_end(face)
    face.start()
    return face


def _found(world: World, relay: Relay, program: str, role: str) -> Client:
    (code,) = relay.enroll(1)
    client = Client.found(
        world.folder / program.lower(),
        passphrase=f"demo passphrase of {program}",
        relay=relay.url,
        enrolment_code=code,
        agency_code=program.partition("-")[0],
        program=program,
        roles=(role,),
        parameters=QUICK,
    )
    return world.keep_open(client)


def _see_caught(world: World, name: str, client: Client) -> None:
    problems = client.sync().problems
    if not any(isinstance(problem, LogForked) for problem in problems):
        raise AssertionError("Two faces were shown, and nobody was told.")
    (fork,) = client.log.evidence()
    raw = client.log.export(fork.fork_id)
    proved = verify_evidence(raw)
    world.tell.item(
        name,
        f"has the proof, {len(raw)} bytes: {proved.first_size} entries, and {proved.second_size} "
        "others, both signed by",
    )
    world.tell.item("", f"{proved.words} (the log's key)")
    try:
        verify_evidence(raw.replace(b"first", b"third"))
    except EvidenceRefused:
        return
    raise AssertionError("An altered file proved something.")


def _go_on(world: World, shelter: Client) -> None:
    world.remember(AFTERWARDS)
    sent = shelter.messages.send(AFTERWARDS, to=["MERCY"])
    world.tell.item("The shelter writes", f"to the hospital: {STATES[sent.state]}")
    for alarm in shelter.log.alarms():
        shelter.log.acknowledge(alarm)
    if shelter.sync().problems or not world.fetch(world.hospital):
        raise AssertionError("After a person has seen it, it must go on.")
    world.tell.say(
        "Every agency of a relay verifies one log, and every message and invitation says which. "
        "Two logs under one key are a proof for anybody: the file names no agency, and `quietway "
        "log verify` checks it without a passphrase. Nothing new is taken from such a directory "
        "until a person has acknowledged it; what goes to known devices is not held up."
    )
