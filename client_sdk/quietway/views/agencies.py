"""What agencies say of themselves, and what is missing of it. Pure.

Of several versions that nobody put in order the one that was said last counts, and of two of one
moment the one with the greater hash: on every device the same.

Spec: docs/spec/contacts.md, "What an agency says of itself" and "What is missing".
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from quietway_schemas.content.base import MOST_SEEN
from quietway_schemas.content.contact import AgencyProfile, DirectoryContact
from quietway_schemas.instants import DAY

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from quietway.records import StoredMessage
    from quietway_schemas.ids import AgencyId
    from quietway_schemas.instants import Instant

OLD_MS: Final = 180 * DAY
_SaidOfItself: TypeAlias = type[AgencyProfile | DirectoryContact]
Lack: TypeAlias = Literal["no_contacts", "no_profile", "not_told", "old"]
"""What is missing: see docs/spec/contacts.md, "What is missing"."""


@dataclass(frozen=True, slots=True)
class AgencyEntry:
    """What an agency says of itself.

    Attributes:
        agency: Which.
        agency_code: As `MERCY`.
        contacts: Whom to reach; None where it has not said.
        profile: What it does, and how soon; None where it has not said.
        contacts_at: When it last said whom to reach; None as above.
        profile_at: When it last said what it does; None as above.
    """

    agency: AgencyId
    agency_code: str
    contacts: DirectoryContact | None = field(default=None, repr=False)
    profile: AgencyProfile | None = field(default=None, repr=False)
    contacts_at: Instant | None = None
    profile_at: Instant | None = None


@dataclass(frozen=True, slots=True)
class AgencyGap:
    """Something that an agency has not said, or was not told.

    Attributes:
        agency: Which.
        agency_code: As `MERCY`.
        lack: What is missing.
    """

    agency: AgencyId
    agency_code: str
    lack: Lack


def find_newest(
    messages: Iterable[StoredMessage], kind: _SaidOfItself
) -> Mapping[AgencyId, StoredMessage]:
    """Find the version of this type that counts, of each agency."""
    current = _list_current(messages, kind)
    return {held.agency: held for held in sorted(current, key=_rank)}


def name_current(
    messages: Iterable[StoredMessage], kind: _SaidOfItself, *, me: AgencyId, to: AgencyId
) -> tuple[bytes, ...]:
    """Give what a new version for a partner names, sorted: what it was told and is current."""
    current = [held for held in _list_current(messages, kind) if held.agency == me]
    known = (held for held in current if held.core_hash and to in held.to)
    newest = sorted(known, key=_rank)[-MOST_SEEN:]
    return tuple(sorted(held.core_hash for held in newest))


def fold_agencies(
    messages: Iterable[StoredMessage], codes: Mapping[AgencyId, str]
) -> list[AgencyEntry]:
    """Say of each of these agencies (with their codes) what it says of itself, in their order."""
    kept = list(messages)
    contacts, profiles = find_newest(kept, DirectoryContact), find_newest(kept, AgencyProfile)
    return [
        _make_entry(agency, code, contacts.get(agency), profiles.get(agency))
        for agency, code in codes.items()
    ]


def list_missing(
    entries: Iterable[AgencyEntry],
    messages: Iterable[StoredMessage],
    *,
    me: AgencyId,
    now: Instant,
) -> list[AgencyGap]:
    """List what is missing of these agencies: what they have not said, and were not told."""
    kept = list(messages)
    told = [_list_told(kept, kind, me) for kind in (DirectoryContact, AgencyProfile)]
    return [
        AgencyGap(entry.agency, entry.agency_code, lack)
        for entry in entries
        for lack in _list_lacks(entry, now)
        + _list_untold(entry, [held for held in told if held is not None], me)
    ]


def _make_entry(
    agency: AgencyId, code: str, contacts: StoredMessage | None, profile: StoredMessage | None
) -> AgencyEntry:
    whom = None if contacts is None else contacts.content
    what = None if profile is None else profile.content
    return AgencyEntry(
        agency=agency,
        agency_code=code,
        contacts=whom if isinstance(whom, DirectoryContact) else None,
        profile=what if isinstance(what, AgencyProfile) else None,
        contacts_at=None if contacts is None else contacts.said_at,
        profile_at=None if profile is None else profile.said_at,
    )


def _list_lacks(entry: AgencyEntry, now: Instant) -> list[Lack]:
    lacks: list[Lack] = [] if entry.contacts is not None else ["no_contacts"]
    if entry.profile is None:
        lacks.append("no_profile")
    if entry.contacts_at is not None and entry.contacts_at + OLD_MS <= now:
        lacks.append("old")
    return lacks


def _list_untold(
    entry: AgencyEntry, told: Iterable[frozenset[AgencyId]], me: AgencyId
) -> list[Lack]:
    is_told = entry.agency == me or all(entry.agency in agencies for agencies in told)
    return [] if is_told else ["not_told"]


def _list_told(
    messages: list[StoredMessage], kind: _SaidOfItself, me: AgencyId
) -> frozenset[AgencyId] | None:
    newest = find_newest(messages, kind).get(me)
    if newest is None:
        return None
    # Each partner has a copy of its own, and what they have in common is the nonce.
    copies = (held for held in messages if _read_nonce(held) == _read_nonce(newest))
    return frozenset(agency for held in copies for agency in held.to)


def _list_current(messages: Iterable[StoredMessage], kind: _SaidOfItself) -> list[StoredMessage]:
    versions = [held for held in messages if isinstance(held.content, kind)]
    named = {(held.agency, name) for held in versions for name in _read_seen(held)}
    return [held for held in versions if not is_gone(held, named)]


def is_gone(held: StoredMessage, named: Collection[tuple[AgencyId, bytes]]) -> bool:
    """Say whether its own agency named it as gone: nobody else can."""
    return (held.agency, held.core_hash) in named


def _read_seen(held: StoredMessage) -> tuple[bytes, ...]:
    content = held.content
    return content.supersedes if isinstance(content, DirectoryContact | AgencyProfile) else ()


def _read_nonce(held: StoredMessage) -> bytes:
    content = held.content
    return content.nonce if isinstance(content, DirectoryContact | AgencyProfile) else b""


def _rank(held: StoredMessage) -> tuple[int, bytes]:
    return held.said_at, held.core_hash
