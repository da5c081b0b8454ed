"""Taking a message back.

Spec: docs/reference/sdk.md, "Taking a message back".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from quietway.engine.state import Delivery, Progress
from quietway.engine.withdrawal import UNCERTAIN, is_part
from quietway.errors import NotFound
from quietway.reports import Sent, Withdrawal, WithdrawnCopy
from quietway.slips import list_slips

if TYPE_CHECKING:
    from quietway.agent import Agent
    from quietway.reports import CopyOutcome


async def withdraw(agent: Agent, sent: Sent | bytes) -> Withdrawal:
    """Take a message back; see `AsyncClient.withdraw`."""
    local_id = sent.local_id if isinstance(sent, Sent) else sent
    local_ids = _find_parts(agent, local_id)
    told = await list_slips(agent.store)
    if not any(name in agent.state.outbox for name in local_ids) and not any(
        held.local_id == local_id for held in told
    ):
        raise NotFound("A message of that name that can be taken back")
    await agent.withdrawer.begin(local_ids)
    said, problem = await agent.ask_back()
    known = {(copy.agency, copy.device): copy for copy in _list_copies(agent, local_ids)}
    for answer in said:
        # Of what is not among the newest messages any more only the relay's answer is left.
        if answer.local_id == local_id and local_id not in agent.state.outbox:
            agency = next(held.agency for held in told if held.device == answer.device)
            outcome: CopyOutcome = answer.outcome  # type: ignore[assignment]  # one of the same words
            known[agency, answer.device] = WithdrawnCopy(agency, answer.device, outcome)
    return Withdrawal(local_id, tuple(known.values()), problem)


def _find_parts(agent: Agent, local_id: bytes) -> frozenset[bytes]:
    """Find what a message was split into because some of its agencies could not be written to."""
    said = agent.state.outbox.get(local_id)
    if said is None or said.quiet:
        return frozenset({local_id})
    return frozenset(held.local_id for held in agent.state.outbox.values() if is_part(held, said))


def _list_copies(agent: Agent, local_ids: frozenset[bytes]) -> list[WithdrawnCopy]:
    return [
        WithdrawnCopy(held.agency, held.device, _tell(held))
        for local_id in sorted(local_ids)
        if (entry := agent.state.outbox.get(local_id)) is not None
        for held in entry.deliveries
    ]


def _tell(held: Delivery) -> CopyOutcome:
    match held.progress:
        case Progress.WITHDRAWN if not held.reason:
            return "taken_back"
        case Progress.WITHDRAWN if held.reason == UNCERTAIN:
            return "uncertain"
        case Progress.WITHDRAWING:
            return "asked"
        case Progress.STORED:
            return "fetched"
        case _:
            return "never_sent"
