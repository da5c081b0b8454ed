"""Access events of this agency's devices: written here, taken in from the others, kept as signed.

A line is on the disk before anything is told of it, under a number that is used once; it goes to
the agency's auditors with the next synchronisation. Where the agency has no auditor (or this device
is the only one), the line stays here and the numbers go on.

Rules: writing a line asks no relay, so that looking at something offline leaves one too.

Spec: docs/spec/access-log.md, "The event" and "The chain".
"""

from __future__ import annotations

import asyncio
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from quietway.engine.codec import Fields, write_row
from quietway.engine.inputs import Compose
from quietway.errors import NotFound
from quietway.history import list_tagged
from quietway.own.taken import Taken
from quietway.own.telling import list_colleagues
from quietway.ports import Put
from quietway.records import ACCESS, ACCESS_OWN
from quietway.retention import choose_shelf
from quietway.standing import own_message
from quietway.store.shelves import own_referral
from quietway.views.access import AccessLog, KeptEvent, describe, list_missing, verify_logs
from quietway_schemas.content.access import MOST_ACCESSED, OVERRIDE, AccessEvent
from quietway_schemas.content.registry import encode_content, find_class, parse_content
from quietway_schemas.content.roles import ROLE_RULES, is_among
from quietway_schemas.envelope import EnvelopeClass
from quietway_schemas.ids import ConversationId, DeviceId
from quietway_schemas.instants import MINUTE

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from quietway.agent import Agent
    from quietway.guarding.records import OverrideRecord
    from quietway.own.taken import Told
    from quietway_schemas.content.access import AccessAction
    from quietway_schemas.ids import MessageId, ReferralRef
    from quietway_schemas.instants import Instant

KIND: Final = "access.event"
LOG: Final = "access_log"
ONE_LOOK_MS: Final = 15 * MINUTE
_STANDING: Final = b"standing"
_ID_BYTES: Final = 16


class AccessLines:
    """Writes this device's lines, one at a time, and remembers for a while what was opened."""

    def __init__(self, agent: Agent) -> None:
        self._agent = agent
        # A number is read, used and written down by one at a time.
        self._turn = asyncio.Lock()
        self._opened: dict[tuple[MessageId, str | None], Instant] = {}

    async def record(
        self,
        action: AccessAction,
        *,
        messages: Iterable[MessageId] = (),
        referrals: Iterable[ReferralRef] = (),
        purpose: str | None = None,
    ) -> int:
        """Write what was done to messages of the store; see `AsyncAccess.record`."""
        async with self._turn:
            hashes = await _find_hashes(self._agent, set(messages), set(referrals))
            return await _write_lines(self._agent, action, hashes, purpose)

    async def note_open(
        self, shown: Iterable[tuple[MessageId | None, bytes]], *, purpose: str | None
    ) -> int:
        """Write that messages are opened now, before they are shown.

        What was opened for the same purpose less than a quarter of an hour ago is the same look.

        Args:
            shown: The id of each (None where it was never sent) and the hash of its core.
            purpose: A code of the list `purpose_of_use`, or None.

        Raises:
            ContentError: There is no such purpose.
            StorageFull: Show nothing: nothing was written.
        """
        now = self._agent.clock.now()
        async with self._turn:
            self._opened = {
                key: at for key, at in self._opened.items() if 0 <= now - at < ONE_LOOK_MS
            }
            hashes = {
                name: core_hash
                for name, core_hash in shown
                if name is not None and (name, purpose) not in self._opened
            }
            written = await _write_lines(self._agent, "open", hashes, purpose)
            self._opened |= {(name, purpose): now for name in hashes}
        return written

    async def note_override(
        self, record: OverrideRecord, message: MessageId, *, also: Iterable[Put]
    ) -> int:
        """Write that a message went although the guard held it, with these rows in one commit."""
        async with self._turn:
            hashes = await _find_hashes(self._agent, {message}, set())
            extra = {
                "rules": record.rules,
                "guard_reason": record.reason,
                "second": record.second,
            }
            return await _write_lines(self._agent, OVERRIDE, hashes, None, extra, also)


async def _find_hashes(
    agent: Agent, messages: set[MessageId], referrals: set[ReferralRef]
) -> dict[MessageId, bytes]:
    wanted = [own_message(held) for held in messages] + [own_referral(held) for held in referrals]
    said = [held for tag in wanted for held in await list_tagged(agent, tag, held_back=True)]
    # What was never sent has no id yet, and nobody else's words are in it.
    hashes = {held.message_id: held.core_hash for held in said if held.message_id is not None}
    for name in messages - hashes.keys():
        raise NotFound(str(name))
    return hashes


async def _write_lines(
    agent: Agent,
    action: AccessAction,
    hashes: Mapping[MessageId, bytes],
    purpose: str | None,
    extra: Mapping[str, object] = MappingProxyType({}),
    also: Iterable[Put] = (),
) -> int:
    if not hashes:
        return 0
    held = Fields(await agent.store.read(LOG, _STANDING) or b"{}")
    log = held.raw("conversation") or agent.entropy.draw(_ID_BYTES)
    number, now = held.number("next"), agent.clock.now()
    names = sorted(hashes)
    groups = [names[start : start + MOST_ACCESSED] for start in range(0, len(names), MOST_ACCESSED)]
    events = [
        AccessEvent.model_validate(
            {
                "action": action,
                "at": now,
                "number": number + offset,
                "message_ids": tuple(named),
                "core_hashes": tuple(hashes[name] for name in named),
                "purpose": purpose,
                **extra,
            }
        )
        for offset, named in enumerate(groups)
    ]
    rows = [_to_own_row(agent, event, ConversationId(log)) for event in events]
    standing = write_row(conversation=log, next=number + len(events))
    composed = [_compose(agent, event, ConversationId(log)) for event in events]
    await agent.settle(
        *(composed if _has_auditor(agent) else ()),
        also=[*rows, Put(LOG, _STANDING, standing), *also],
    )
    return len(events)


async def take_access(agent: Agent, told: Told) -> Taken:
    """Keep a line of another device, with what was signed."""
    held = told.kept
    if held is None:
        return Taken()
    shelf = choose_shelf(
        held.raw("content"),
        EnvelopeClass.CASE,
        created=told.at,
        conversation=ConversationId.from_text(held.text("conversation")),
        agency=agent.keyring.agency,
    )
    row = write_row(
        device=str(told.device),
        header=held.raw("header"),
        core=held.raw("core"),
        signature=held.raw("signature"),
    )
    return Taken((Put(ACCESS, held.raw("message"), row, shelf),))


async def list_logs(agent: Agent) -> list[AccessLog]:
    """Verify the lines that are kept, and list them by device, this one's own first."""
    kept = await list_kept(agent)
    keys = find_keys(agent, kept)
    return [
        await _read_own(agent),
        *verify_logs(kept, reader=agent.keyring.device, find_key=keys.get),
    ]


async def list_kept(agent: Agent) -> list[KeptEvent]:
    """List the other devices' lines, as they signed them."""
    return [_read_kept(row.value) for row in await agent.store.scan(ACCESS)]


def find_keys(agent: Agent, kept: Iterable[KeptEvent]) -> dict[DeviceId, bytes]:
    """Find the identity keys of the devices that wrote these lines, where they are known."""
    signers = {
        held.device: agent.directory.signer(agent.keyring.agency, held.device) for held in kept
    }
    return {device: held.identity_key for device, held in signers.items() if held is not None}


async def _read_own(agent: Agent) -> AccessLog:
    contents = [
        parse_content(Fields(row.value).raw("content"), EnvelopeClass.CASE)
        for row in await agent.store.scan(ACCESS_OWN)
    ]
    events = (held for held in contents if isinstance(held, AccessEvent))
    entries = tuple(sorted((describe(held) for held in events), key=lambda held: held.number))
    missing = list_missing(entry.number for entry in entries)
    return AccessLog(agent.keyring.device, is_own=True, entries=entries, missing=missing)


def _has_auditor(agent: Agent) -> bool:
    receivers = ROLE_RULES[KIND].receivers
    return any(is_among(held.roles, receivers) for held in list_colleagues(agent))


def _compose(agent: Agent, event: AccessEvent, log: ConversationId) -> Compose:
    return Compose(
        now=agent.clock.now(),
        local_id=agent.entropy.draw(_ID_BYTES),
        conversation=log,
        to=(agent.keyring.agency,),
        kind=event.type,
        class_=find_class(event),
        content=encode_content(event),
    )


def _to_own_row(agent: Agent, event: AccessEvent, log: ConversationId) -> Put:
    content = encode_content(event)
    shelf = choose_shelf(
        content,
        EnvelopeClass.CASE,
        created=event.at,
        conversation=log,
        agency=agent.keyring.agency,
    )
    return Put(ACCESS_OWN, event.number.to_bytes(8, "big"), write_row(content=content), shelf)


def _read_kept(raw: bytes) -> KeptEvent:
    held = Fields(raw)
    return KeptEvent(
        device=DeviceId.from_text(held.text("device")),
        header=held.raw("header"),
        core=held.raw("core"),
        signature=held.raw("signature"),
    )
