"""`client.access`: who looked at what.

A program calls `record` where a person has seen messages or taken them out of it; the desk does so
for its inbox, for what it shows as it comes, and for its exports. The agency's auditors read all
devices' lines with `log`.

Spec: docs/spec/access-log.md; docs/reference/sdk.md, "The access log".
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from quietway.errors import RoleRefused
from quietway.faces.saying import saying_refusals
from quietway.own.accesses import list_logs, record_access

if TYPE_CHECKING:
    from collections.abc import Iterable

    from quietway.agent import Agent
    from quietway.views.access import AccessLog
    from quietway_schemas.content.access import AccessAction
    from quietway_schemas.ids import MessageId, ReferralRef

AUDITOR: Final = "auditor"
KIND: Final = "access.event"


class AsyncAccess:
    """The access log of the agency's devices."""

    def __init__(self, agent: Agent) -> None:
        self._agent = agent
        # A number is read, used and written down by one at a time.
        self._turn = asyncio.Lock()

    async def record(
        self,
        action: AccessAction,
        *,
        messages: Iterable[MessageId] = (),
        referrals: Iterable[ReferralRef] = (),
        purpose: str | None = None,
    ) -> int:
        """Write down that messages were looked at, or taken out. Asks no relay.

        Args:
            action: `open`, `export`, `print` or `forward_attempt`.
            messages: Which.
            referrals: All messages of these.
            purpose: A code of the list `purpose_of_use`.

        Returns:
            How many lines were written; each names up to 24 messages.

        Raises:
            NotFound: This store has no such message. Nothing was written.
            ContentRefused: There is no such action or purpose. The same.
            StorageFull: The same: show nothing whose line can't be written.
        """
        with saying_refusals():
            async with self._turn:
                return await record_access(
                    self._agent,
                    action,
                    messages=messages,
                    referrals=referrals,
                    purpose=purpose,
                )

    async def log(self) -> list[AccessLog]:
        """List every device's lines, verified, this device's own first. For auditors.

        Raises:
            RoleRefused: This device's certificate does not say `auditor`.
        """
        keyring = self._agent.keyring
        certified = self._agent.directory.device(keyring.agency, keyring.device)
        roles = keyring.roles if certified is None else certified.roles
        if AUDITOR not in roles:
            raise RoleRefused(KIND, "received", (AUDITOR,))
        return await list_logs(self._agent)
