"""She changes her mind: a pause that takes back what is on its way, a revocation, and her report.

Spec: docs/spec/consent.md, "Pausing and revoking", "Rollback" and "The report".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from quietway import NotPermitted

if TYPE_CHECKING:
    from world import World

TITLE = "She changes her mind: pause, revocation, report"
NEEDS = ("founding", "agreed", "consented")

ON_ITS_WAY = "The bag is packed, we could come at six."
AFTERWARDS = "One more thing about this evening."


def play(world: World) -> None:
    """Pause with one message on its way, then revoke, and print the report."""
    _pause(world)
    _revoke(world)
    _report(world)


def _pause(world: World) -> None:
    tell, hospital, shelter = world.tell, world.hospital.client, world.shelter.client
    place = hospital.referrals.list()[-1].conversation
    hospital.messages.send(ON_ITS_WAY, to=["HARBOR"], conversation=place)
    before = count_of_case(world)
    tell.item("The hospital writes", "a message about the case; it waits at the relay")
    hospital.consent.pause(world.case, "HARBOR")
    tell.item("The survivor says", "stop, by telephone. It takes one call and no form.")
    try:
        hospital.messages.send(AFTERWARDS, to=["HARBOR"], conversation=place)
    except NotPermitted as refused:
        tell.item("The hospital", f"can write no more of it: {refused}")
    else:
        raise AssertionError("Something was sealed after the pause.")
    world.fetch(world.shelter)
    texts = [getattr(held.content, "text", "") for held in shelter.inbox()]
    if ON_ITS_WAY in texts or count_of_case(world):
        raise AssertionError("The shelter shows what was paused.")
    tell.item("The shelter", f"fetches: the message never comes, {before} referrals are not shown")
    hospital.consent.resume(world.case, "HARBOR")
    world.fetch(world.shelter)
    tell.item("She says", f"go on. The shelter sees {count_of_case(world)} referrals again.")


def _revoke(world: World) -> None:
    tell, hospital = world.tell, world.hospital.client
    tell.say("Later she ends it, for good. Whoever holds something is asked to delete it.")
    hospital.consent.revoke(world.case, "HARBOR")
    world.fetch(world.shelter)
    world.fetch(world.hospital)
    (order,) = hospital.consent.orders(world.case)
    for holder in order.holders:
        tell.item(
            "The shelter's device",
            f"{holder.state}: {holder.method}, {holder.messages} messages",
            column=22,
        )
    if order.state != "done" or count_of_case(world):
        raise AssertionError("The shelter did not delete what it was asked to.")
    tell.say(
        "That is a signed word, and no proof: what somebody has read or copied can't be called "
        "back. Nothing more is told, and her report says who confirmed and who did not."
    )


def _report(world: World) -> None:
    reports = world.hospital.client.consent
    world.tell.heading("Her report, to take along")
    _print(world, reports.disclosure_report(world.case).text)
    world.tell.heading("The same in Spanish begins")
    title, told, *_ = reports.disclosure_report(world.case, "es").text.split("\n\n")
    _print(world, f"{title}\n{told}")


def _print(world: World, text: str) -> None:
    for line in text.splitlines():
        world.tell.item("", line, column=0)


def count_of_case(world: World) -> int:
    """Count the referrals of the story's case that the shelter shows."""
    known = world.shelter.client.referrals.list()
    return sum(held.packet.case_ref is not None for held in known)
