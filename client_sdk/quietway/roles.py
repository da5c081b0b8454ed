"""What this device's roles let it read now, whatever they let it read when it came.

Nothing is erased when a role is taken away: what lies here ends with its retention, and is shown
again where the role is given back. Until then no view shows it.

Spec: docs/reference/sdk.md, "Roles".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from quietway_schemas.content.roles import find_receivers, find_senders, is_among

if TYPE_CHECKING:
    from collections.abc import Iterable

    from quietway.agent import Agent
    from quietway.records import StoredMessage


def my_roles(agent: Agent) -> tuple[str, ...]:
    """Give this device's roles, as its agency certifies them now."""
    keyring = agent.keyring
    certified = agent.directory.device(keyring.agency, keyring.device)
    return tuple(keyring.roles if certified is None else certified.roles)


def keep_readable(agent: Agent, messages: Iterable[StoredMessage]) -> list[StoredMessage]:
    """Keep what these roles may receive; of what was said here also what they may say."""
    roles = my_roles(agent)
    return [held for held in messages if is_readable(held, roles)]


def is_readable(message: StoredMessage, roles: Iterable[str]) -> bool:
    """Say whether a device with these roles shows a message."""
    content = message.content
    return is_among(roles, find_receivers(content)) or (
        not message.received and is_among(roles, find_senders(content))
    )
