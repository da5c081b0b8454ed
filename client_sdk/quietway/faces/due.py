"""What needs a person now, in one list.

Spec: docs/spec/referrals.md, "What is due"; docs/reference/sdk.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from quietway.due import list_due
from quietway_schemas.content.roles import is_among

if TYPE_CHECKING:
    import builtins

    from quietway.agent import Agent
    from quietway.views.due import Due


class AsyncDue:
    """What needs a person now."""

    def __init__(self, agent: Agent) -> None:
        self._agent = agent

    async def list(self, *, mine: bool = False) -> builtins.list[Due]:
        """List what needs a person of this agency, or is waited for, the earliest first.

        Args:
            mine: Only what is this agency's move, and that of a role of this device.
        """
        lines = await list_due(self._agent)
        if not mine:
            return lines
        return [line for line in lines if line.turn == "ours" and self._is_mine(line)]

    def _is_mine(self, line: Due) -> bool:
        keyring, directory = self._agent.keyring, self._agent.directory
        certified = directory.device(keyring.agency, keyring.device)
        roles = keyring.roles if certified is None else certified.roles
        return not line.roles or is_among(roles, frozenset(line.roles))
