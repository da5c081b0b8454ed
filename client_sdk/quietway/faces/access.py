"""`client.access`: who looked at what.

A program calls `record` where a person has seen messages or taken them out of it; the desk does so
for its inbox, for what it shows as it comes, and for its exports. The agency's auditors read all
devices' lines with `log`.

Spec: docs/spec/access-log.md; docs/reference/sdk.md, "The access log".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from quietway.errors import NotFound, RoleRefused
from quietway.faces.casework import read_ref
from quietway.faces.saying import saying_refusals
from quietway.history import list_messages
from quietway.own.accesses import find_keys, list_kept, list_logs
from quietway.roles import my_roles
from quietway.views.access_file import write_access_file
from quietway.views.looks import fold_looks

if TYPE_CHECKING:
    from collections.abc import Iterable

    from quietway.agent import Agent
    from quietway.own.accesses import AccessLines
    from quietway.views.access import AccessLog
    from quietway.views.looks import AccessReport
    from quietway_schemas.content.access import AccessAction
    from quietway_schemas.ids import CaseRef, DeviceId, MessageId, ReferralRef

AUDITOR: Final = "auditor"
KIND: Final = "access.event"


class AsyncAccess:
    """The access log of the agency's devices."""

    def __init__(self, agent: Agent, lines: AccessLines) -> None:
        self._agent = agent
        self._lines = lines

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
            return await self._lines.record(
                action, messages=messages, referrals=referrals, purpose=purpose
            )

    async def log(self) -> list[AccessLog]:
        """List every device's lines, verified, this device's own first. For auditors.

        Raises:
            RoleRefused: This device's certificate does not say `auditor`.
        """
        self._demand_auditor()
        return await list_logs(self._agent)

    async def who_looked(
        self,
        *,
        case: CaseRef | str | None = None,
        referral: ReferralRef | None = None,
        messages: Iterable[MessageId] = (),
    ) -> AccessReport:
        """Report who looked at a case, a referral or messages. For auditors.

        An auditor who works on no case holds none: whoever leads it names its messages, as they
        stand in its timeline.

        Args:
            case: By this agency's own reference.
            referral: Its packet and answers.
            messages: These, whether this device holds them or not.

        Raises:
            RoleRefused: This device's certificate does not say `auditor`.
            NotFound: This device holds nothing of that case or referral: name the messages.
        """
        self._demand_auditor()
        asked = set(messages)
        if case is not None or referral is not None or not asked:
            asked |= await self._find_messages(case, referral)
        return fold_looks(await list_logs(self._agent), asked, self._find_holder)

    async def export(self) -> bytes:
        """Write the other devices' lines as a file that anybody can check. For auditors.

        `verify_access_file` checks it. It holds ids and hashes, and no word of what was said.

        Raises:
            RoleRefused: This device's certificate does not say `auditor`.
        """
        self._demand_auditor()
        kept, keyring = await list_kept(self._agent), self._agent.keyring
        return write_access_file(
            kept,
            agency=keyring.agency,
            reader=keyring.device,
            keys=find_keys(self._agent, kept),
        )

    def _demand_auditor(self) -> None:
        if AUDITOR not in my_roles(self._agent):
            raise RoleRefused(KIND, "received", (AUDITOR,))

    async def _find_messages(
        self, case: CaseRef | str | None, referral: ReferralRef | None
    ) -> set[MessageId]:
        if case is None and referral is None:
            raise NotFound("What nobody named")
        ref = None if case is None else read_ref(case)
        held = await list_messages(self._agent, case=ref, referral=referral, held_back=True)
        found = {message.message_id for message in held if message.message_id is not None}
        if not found:
            raise NotFound(f"Anything of {ref or referral}")
        return found

    def _find_holder(self, device: DeviceId) -> tuple[str, tuple[str, ...]]:
        signer = self._agent.directory.signer(self._agent.keyring.agency, device)
        return ("", ()) if signer is None else (signer.program, signer.roles or ())
