"""The access log, verified: each device's lines in order, and what is missing or does not hold.

Every line is judged by what its device signed for this reader, and by the lines beside it. A line
with a finding is shown with it; nothing is left out, because whoever could have a line left out
could hide what was looked at.

Spec: docs/spec/access-log.md, "What the verifier says".
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from quietway.engine.conversations import chain_key
from quietway.sealing import OpeningRefused, hash_core, verify_author
from quietway_schemas.content.access import AccessEvent
from quietway_schemas.content.registry import parse_content
from quietway_schemas.envelope import Core, EnvelopeClass, Header
from quietway_schemas.errors import SchemaError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from quietway_schemas.ids import DeviceId, MessageId
    from quietway_schemas.instants import Instant

    FindKey = Callable[[DeviceId], bytes | None]

ALTERED: Final = "altered"
FORK: Final = "fork"
BROKEN_LINK: Final = "broken_link"
OUT_OF_ORDER: Final = "out_of_order"
GAP: Final = "gap"


@dataclass(frozen=True, slots=True)
class KeptEvent:
    """A line as it is kept: what its device signed, and for whom."""

    device: DeviceId
    header: bytes = field(repr=False)
    core: bytes = field(repr=False)
    signature: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class AccessEntry:
    """One line of an access log.

    Attributes:
        number: Its place among all of the device's lines.
        action: `open`, `export`, `print`, `forward_attempt` or `override`.
        at: When it was done, by the device's clock.
        message_ids: What was looked at.
        core_hashes: Which bytes those were, in the same order.
        purpose: A code of the list `purpose_of_use`, or None.
        findings: `altered`, `fork`, `broken_link`, `out_of_order`: what does not hold; none where
            all of it does.
        rules: Of an override, the rules that had held the message.
        reason: Of an override, a code of the list `guard_reason`.
        second: Of an override, the device that confirmed it, or None.
    """

    number: int
    action: str
    at: Instant
    message_ids: tuple[MessageId, ...]
    core_hashes: tuple[bytes, ...] = field(repr=False)
    purpose: str | None = None
    findings: tuple[str, ...] = ()
    rules: tuple[str, ...] = ()
    reason: str | None = None
    second: DeviceId | None = None


@dataclass(frozen=True, slots=True)
class AccessLog:
    """What one device did, as far as its lines are here.

    Attributes:
        device: Which.
        is_own: True for this device's own lines, which prove nothing to itself.
        entries: The lines that can be read, by number.
        missing: Runs of numbers that are not here: (first, last) of each.
        unreadable: How many lines can't be read at all: they were altered.
    """

    device: DeviceId
    is_own: bool
    entries: tuple[AccessEntry, ...]
    missing: tuple[tuple[int, int], ...]
    unreadable: int = 0

    @property
    def findings(self) -> tuple[str, ...]:
        """All that does not hold, each named once, sorted; `gap` where numbers are missing."""
        found = {finding for entry in self.entries for finding in entry.findings}
        if self.unreadable:
            found.add(ALTERED)
        if self.missing:
            found.add(GAP)
        return tuple(sorted(found))

    @property
    def begins_at(self) -> int:
        """The number of the first line that is here; 0 where there is none."""
        return self.entries[0].number if self.entries else 0


@dataclass(frozen=True, slots=True)
class _Read:
    entry: AccessEntry
    core: Core
    hash: bytes

    def marked(self, *findings: str) -> _Read:
        both = tuple(sorted({*self.entry.findings, *findings}))
        return replace(self, entry=replace(self.entry, findings=both))


def verify_logs(
    kept: Iterable[KeptEvent], *, reader: DeviceId, find_key: FindKey
) -> tuple[AccessLog, ...]:
    """Verify what is kept of all devices' lines.

    Args:
        kept: In any order.
        reader: The device that they were signed for.
        find_key: Gives the identity key of a device of the agency; None where it is not known.

    Returns:
        One log for each device, sorted by device.
    """
    by_device: dict[DeviceId, list[KeptEvent]] = {}
    for held in kept:
        by_device.setdefault(held.device, []).append(held)
    return tuple(
        _verify_one(device, by_device[device], reader, find_key(device))
        for device in sorted(by_device)
    )


def list_missing(numbers: Iterable[int]) -> tuple[tuple[int, int], ...]:
    """List the runs of numbers, counted from 0, that are not among these."""
    there = [-1, *sorted(set(numbers))]
    return tuple((before + 1, after - 1) for before, after in pairwise(there) if after > before + 1)


def describe(event: AccessEvent) -> AccessEntry:
    """Give an event as a line, about which nothing was found yet."""
    return AccessEntry(
        number=event.number,
        action=event.action,
        at=event.at,
        message_ids=event.message_ids,
        core_hashes=event.core_hashes,
        purpose=event.purpose,
        rules=event.rules,
        reason=event.guard_reason,
        second=event.second,
    )


def is_signed(held: KeptEvent, reader: DeviceId, key: bytes | None) -> bool:
    """Say whether the kept bytes are what the device signed for this reader."""
    if key is None:
        return False
    try:
        header, core = Header.unpack(held.header), Core.unpack(held.core)
        verify_author(key, reader, header, held.core, held.signature)
    except (SchemaError, OpeningRefused):
        return False
    return core.device == held.device


def _verify_one(
    device: DeviceId, kept: Sequence[KeptEvent], reader: DeviceId, key: bytes | None
) -> AccessLog:
    read = [found for held in kept if (found := _read(held, reader, key)) is not None]
    read.sort(key=lambda held: (held.entry.number, held.hash))
    entries = tuple(held.entry for held in _mark_order(_mark_links(_mark_forks(read))))
    return AccessLog(
        device=device,
        is_own=False,
        entries=entries,
        missing=list_missing(entry.number for entry in entries),
        unreadable=len(kept) - len(read),
    )


def _read(held: KeptEvent, reader: DeviceId, key: bytes | None) -> _Read | None:
    try:
        core = Core.unpack(held.core)
        content = parse_content(core.content, EnvelopeClass.CASE)
    except SchemaError:
        return None
    if not isinstance(content, AccessEvent):
        return None
    found = _Read(describe(content), core, hash_core(held.core))
    return found if is_signed(held, reader, key) else found.marked(ALTERED)


def _mark_forks(read: list[_Read]) -> list[_Read]:
    """Mark different lines with one number, or at one place of a chain."""
    distinct = {held.hash: held for held in read}.values()
    numbers = Counter(held.entry.number for held in distinct)
    places = Counter(_place(held) for held in distinct)
    return [
        held.marked(FORK) if numbers[held.entry.number] > 1 or places[_place(held)] > 1 else held
        for held in read
    ]


def _mark_links(read: list[_Read]) -> list[_Read]:
    """Mark what does not quote the line right before it in its chain."""
    at = {_place(held): held.hash for held in read}

    def is_broken(held: _Read) -> bool:
        chain, seq = _place(held)
        before = at.get((chain, seq - 1))
        return before is not None and before != held.core.prev

    return [held.marked(BROKEN_LINK) if is_broken(held) else held for held in read]


def _mark_order(read: list[_Read]) -> list[_Read]:
    """Mark what has a lower place in its chain than the line before it by number."""
    highest: dict[bytes, int] = {}
    marked: list[_Read] = []
    for held in read:
        chain, seq = _place(held)
        marked.append(held.marked(OUT_OF_ORDER) if seq < highest.get(chain, 0) else held)
        highest[chain] = max(seq, highest.get(chain, 0))
    return marked


def _place(held: _Read) -> tuple[bytes, int]:
    return chain_key(held.core), held.core.seq
