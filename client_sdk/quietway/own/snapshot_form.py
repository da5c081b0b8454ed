"""A snapshot: what stands about cases, as one canonical JSON text for one new device.

In it are the values that stand now (statuses, barriers, actions, relocation, case status), who
leads each case and when it is looked at again, and the referrals that are open, each with its whole
story, as far as the new device's roles may receive them and retention has not ended. What was said
and heard otherwise is not in it: no history comes with a device.

Pure: no clock, no store.

Spec: docs/spec/keys.md, "A snapshot for a new device".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from quietway.errors import SnapshotRefused
from quietway.views.referrals import fold_referrals
from quietway.views.timeline import case_of
from quietway.views.values import fold_values, is_value
from quietway_crypto.encoding import TAG_SNAPSHOT, hash_tagged
from quietway_schemas.content.agency import MOST_PARTS, PART_BYTES
from quietway_schemas.content.referral import ReferralAnswer, ReferralPacket
from quietway_schemas.content.referral_states import OPEN_STATES
from quietway_schemas.content.registry import encode_content, find_class, parse_content
from quietway_schemas.content.roles import find_receivers, is_among
from quietway_schemas.envelope import EnvelopeClass
from quietway_schemas.errors import SchemaError
from quietway_schemas.instants import DAY
from quietway_schemas.snapshot import SnapshotItem, SnapshotText

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from quietway.records import StoredMessage
    from quietway.views.referrals import Referral
    from quietway_schemas.content.base import ContentModel
    from quietway_schemas.ids import AgencyId, CaseRef, DeviceId
    from quietway_schemas.instants import Instant

RETENTION_MS: Final = 365 * DAY
CASE_STORY: Final = frozenset(
    {
        "case_review",
        "lead.accepted",
        "lead.assign",
        "lead.confirmed",
        "lead.declined",
        "lead.handover",
        "lead.withdrawn",
    }
)
"""What has no end of its own and says who leads a case, and when it is looked at again."""
MOST_BYTES: Final = MOST_PARTS * PART_BYTES


@dataclass(frozen=True, slots=True)
class Gathered:
    """A snapshot that is about to be offered.

    Attributes:
        raw: Canonical JSON.
        statuses: How many messages about what stands are in it.
        referrals: How many referrals.
    """

    raw: bytes
    statuses: int
    referrals: int

    @property
    def parts(self) -> tuple[bytes, ...]:
        """The text in pieces, in order."""
        return tuple(
            self.raw[start : start + PART_BYTES] for start in range(0, len(self.raw), PART_BYTES)
        )


def gather_snapshot(
    messages: Iterable[StoredMessage], *, me: AgencyId, roles: Sequence[str], now: Instant
) -> Gathered:
    """Gather what a new device has to know.

    Args:
        messages: All of the store, as they were said; case references as they travelled.
        me: The agency.
        roles: Of the new device.
        now: Milliseconds.

    Raises:
        SnapshotRefused: It is more than can be given.
    """
    kept = [held for held in messages if _may_be_given(held, roles, now)]
    standing = _choose_standing(kept, now)
    referrals = _choose_referrals(kept, me)
    stories = [message for story in referrals for message in story]
    chosen = sorted(
        {held.key: held for held in (*standing, *stories)}.values(), key=lambda held: held.position
    )
    raw = SnapshotText(items=tuple(_to_item(held) for held in chosen)).to_canonical()
    if len(raw) > MOST_BYTES:
        raise SnapshotRefused("size")
    return Gathered(raw, len(standing), len(referrals))


def read_snapshot(raw: bytes, *, roles: Sequence[str]) -> tuple[SnapshotItem, ...]:
    """Read a snapshot whose digest is right.

    Args:
        raw: Canonical JSON.
        roles: Of the device that reads it.

    Raises:
        SnapshotRefused: It holds something else than what belongs in one, or what these roles may
            not receive.
    """
    try:
        items = SnapshotText.from_canonical(raw, max_bytes=MOST_BYTES).items
        contents = [parse_content(item.content, EnvelopeClass.CASE) for item in items]
    except SchemaError:
        raise SnapshotRefused("form") from None
    if not all(_belongs(content) for content in contents):
        raise SnapshotRefused("form")
    if not all(may_receive(roles, content) for content in contents):
        raise SnapshotRefused("roles")
    return items


def read_items(raw: bytes) -> tuple[SnapshotItem, ...]:
    """Read a snapshot that this device gathered itself."""
    return SnapshotText.from_canonical(raw, max_bytes=MOST_BYTES).items


def may_receive(roles: Sequence[str], content: ContentModel) -> bool:
    """Say whether a device with these roles may know this: its giver may not have asked."""
    return is_among(roles, find_receivers(content))


def digest_snapshot(snapshot_id: bytes, device: DeviceId, raw: bytes) -> bytes:
    """Digest a snapshot for the one device that it is for (32 bytes)."""
    return hash_tagged(TAG_SNAPSHOT, snapshot_id + device.value + raw)


def _may_be_given(held: StoredMessage, roles: Sequence[str], now: Instant) -> bool:
    return (
        held.message_id is not None
        and _belongs(held.content)
        and now < held.said_at + RETENTION_MS
        and is_among(roles, find_receivers(held.content))
    )


def _belongs(content: ContentModel) -> bool:
    return (
        is_value(content)
        or isinstance(content, ReferralPacket | ReferralAnswer)
        or content.type in CASE_STORY
    )


def _choose_standing(kept: Sequence[StoredMessage], now: Instant) -> list[StoredMessage]:
    """Choose the values that stand, what decides who leads, and who told of each case first."""
    stands = {version.message.key for version in fold_values(kept, now=now)}
    chosen = [held for held in kept if held.key in stands or held.content.type in CASE_STORY]
    cases = {case_of(held.content) for held in chosen} - {None}
    told: dict[tuple[CaseRef | None, AgencyId], StoredMessage] = {}
    for held in sorted(kept, key=lambda held: (held.said_at, held.core_hash)):
        case = case_of(held.content)
        if case in cases:
            told.setdefault((case, held.agency), held)
    return list({held.key: held for held in (*chosen, *told.values())}.values())


def _choose_referrals(kept: Sequence[StoredMessage], me: AgencyId) -> list[list[StoredMessage]]:
    return [
        [held for held in kept if _tells(held, referral)]
        for referral in fold_referrals(kept, me=me)
        if referral.state in OPEN_STATES
    ]


def _tells(held: StoredMessage, referral: Referral) -> bool:
    return (
        isinstance(held.content, ReferralPacket | ReferralAnswer)
        and held.conversation == referral.conversation
        and held.content.referral_ref == referral.ref
    )


def _to_item(held: StoredMessage) -> SnapshotItem:
    assert held.message_id is not None  # noqa: S101 - `_may_be_given` chose it so
    assert find_class(held.content) is EnvelopeClass.CASE  # noqa: S101 - all of these types are
    return SnapshotItem(
        agency=held.agency,
        content=encode_content(held.content),
        conversation=held.conversation,
        core_hash=held.core_hash,
        message=held.message_id,
        program=held.program or None,
        said_at=held.said_at,
        to=tuple(sorted(held.to)),
    )
