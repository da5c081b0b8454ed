"""Ops holders and the root, as the faces offer them: the passphrase first, then `rooted`.

What the root does stands in `rooted`. Here it is asked for as a person asks: with the passphrase
typed again, on top of the newest manifest, and with what is new published afterwards.

Spec: docs/spec/keys.md, "Root → ops list".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from quietway.own.proposals import find_ops_list
from quietway.rooted import add_ops_holder, draw_ops_key, remove_ops_holder, take_root_offline

if TYPE_CHECKING:
    from quietway.agent import Agent
    from quietway_schemas.instants import Instant


@dataclass(frozen=True, slots=True)
class AgencyStanding:
    """Who may decide for an agency.

    Attributes:
        holders: How many ops keys there are.
        approvals: How many of them a certificate takes.
        decides_here: Whether this device holds one of them.
        root_here: Whether the root key still lies on this device.
        expires: When the first of the ops keys expires.
    """

    holders: int
    approvals: int
    decides_here: bool
    root_here: bool
    expires: Instant


def tell_standing(agent: Agent) -> AgencyStanding:
    """Say who may decide; see `AsyncAgency.standing`."""
    ops, mine = find_ops_list(agent), agent.keyring.ops
    return AgencyStanding(
        holders=len(ops.ops),
        approvals=ops.approvals,
        decides_here=mine is not None and ops.find(mine.public) is not None,
        root_here=agent.keyring.root is not None,
        expires=min(held.expires for held in ops.ops),
    )


def ask_for_ops_key(agent: Agent, passphrase: str) -> str:
    """Draw an ops key and give its line; see `AsyncAgency.ask_for_ops_key`."""
    agent.keyring.check_passphrase_again(passphrase)
    return draw_ops_key(agent)


async def admit_ops_key(
    agent: Agent, line: str, *, passphrase: str, approvals: int | None, root_words: str | None
) -> AgencyStanding:
    """Let one holder more decide; see `AsyncAgency.admit_ops_key`."""
    await _come_up_to_date(agent, passphrase)
    if approvals is None:
        # Two are proposed wherever there are two.
        approvals = min(2, len(find_ops_list(agent).ops) + 1)
    await add_ops_holder(agent, line, approvals=approvals, words=root_words)
    await agent.publish_what_is_new()
    return tell_standing(agent)


async def dismiss_ops_key(
    agent: Agent, line: str, *, passphrase: str, root_words: str | None
) -> AgencyStanding:
    """Let a holder decide no more; see `AsyncAgency.dismiss_ops_key`."""
    await _come_up_to_date(agent, passphrase)
    await remove_ops_holder(agent, line, words=root_words)
    await agent.publish_what_is_new()
    return tell_standing(agent)


def take_offline(agent: Agent, words: str, passphrase: str) -> None:
    """Destroy the root key here; see `AsyncAgency.take_root_offline`."""
    agent.keyring.check_passphrase_again(passphrase)
    take_root_offline(agent, words)


async def _come_up_to_date(agent: Agent, passphrase: str) -> None:
    agent.keyring.check_passphrase_again(passphrase)
    await agent.check_clock()
    await agent.pull_directory()
