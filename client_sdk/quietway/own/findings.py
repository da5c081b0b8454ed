"""What `doctor` finds about the agency itself: its root, who vouches, its devices, its review.

What is only advised (a second ops holder) is said and is no fault; what will stop the agency, or
already leaves it open, is one.

Spec: docs/reference/sdk.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from quietway.errors import LogForked
from quietway.own.members import list_devices
from quietway.own.proposals import find_ops_list, list_proposals
from quietway.own.reviews import list_review
from quietway.reports import Finding
from quietway_schemas.instants import DAY

if TYPE_CHECKING:
    from quietway.agent import Agent

SOON_DAYS: Final = 30
_LOOKED_AT: Final = frozenset({"leaving", "stale"})


async def look_at_root(agent: Agent) -> Finding:
    """See that the root is on paper."""
    here = agent.keyring.root is not None
    return Finding(
        "the agency's root",
        not here,
        "It still lies on this device." if here else "It is not on this device.",
        "Write its words down, read them back from the paper, and take it off." if here else "",
    )


async def look_at_holders(agent: Agent) -> Finding:
    """See who vouches for devices, and until when."""
    if agent.directory.manifest(agent.keyring.agency) is None:
        return Finding("ops holders", False, "Not known yet.", "Run a synchronisation.")  # noqa: FBT003 - `ok` reads well
    ops = find_ops_list(agent)
    days = (min(held.expires for held in ops.ops) - agent.clock.now()) // DAY
    if days < SOON_DAYS:
        return Finding(
            "ops holders",
            False,  # noqa: FBT003 - as above
            f"The first of their keys expires in {max(days, 0)} days.",
            "Have it admitted once more, with the root's words.",
        )
    if len(ops.ops) == 1:
        return Finding("ops holders", True, "One. A second is advised: one can be lost or pressed.")  # noqa: FBT003 - as above
    told = f"{len(ops.ops)}, of whom a new device takes {ops.approvals}."
    return Finding("ops holders", True, told)  # noqa: FBT003 - as above


async def look_at_devices(agent: Agent) -> Finding:
    """See that each device is one that somebody uses, and that nothing waits to be decided."""
    devices = await list_devices(agent)
    odd = [str(held.device) for held in devices if held.standing in _LOOKED_AT]
    waiting = len(await list_proposals(agent))
    if odd:
        return Finding(
            "this agency's devices",
            False,  # noqa: FBT003 - as above
            f"Not seen for 30 days, or wiped: {', '.join(odd)}.",
            "Ask their users; retire what is not used, revoke what is lost.",
        )
    if waiting:
        return Finding(
            "this agency's devices",
            False,  # noqa: FBT003 - as above
            f"{waiting} wait for another approval.",
            "Look whether they are expected, and approve or decline.",
        )
    certified = sum(held.standing == "certified" for held in devices)
    return Finding("this agency's devices", True, f"{certified}, all of them in use.")  # noqa: FBT003 - as above


async def look_at_log(agent: Agent) -> Finding:
    """See that nothing speaks against the relay's log."""
    alarms = agent.log.alarms()
    if agent.log.is_stopped:
        return Finding("the relay's log", False, str(LogForked()))  # noqa: FBT003 - as above
    if alarms:
        return Finding(
            "the relay's log",
            False,  # noqa: FBT003 - as above
            f"{len(alarms)} alarms that nobody has acknowledged.",
            "Look at each of them, ask whom it concerns, then acknowledge it.",
        )
    if not agent.log.log_key:
        return Finding("the relay's log", False, "Not seen yet.", "Run a synchronisation.")  # noqa: FBT003 - as above
    return Finding("the relay's log", True, f"Verified: {agent.log.size} entries.")  # noqa: FBT003 - as above


async def look_at_review(agent: Agent) -> Finding:
    """See that somebody looked at everyone's permissions lately."""
    overdue = len((await list_review(agent)).overdue)
    return Finding(
        "permissions",
        not overdue,
        f"{overdue} devices were not looked at for 90 days." if overdue else "Looked at lately.",
        "Look at each: is it in use, by whom you think, and does it need its roles?"
        if overdue
        else "",
    )
