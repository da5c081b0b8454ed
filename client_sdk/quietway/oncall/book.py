"""What this device knows of who is on call: versions, changes, what partners said, who was heard.

One row each, of one kind. What counts is a function of what is known, and not of the order in which
it came. Nothing here concerns a case.

Spec: docs/spec/on-call.md.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from quietway.engine.codec import Fields, write_row
from quietway.oncall.changes import SaidOfChange, fold_changes, list_swaps
from quietway.oncall.heard import Heard
from quietway.oncall.layout import lay_out
from quietway.policy.absolute import MOST_SEEN, Versions, learn
from quietway.ports import Delete, Put
from quietway_crypto.encoding import (
    TAG_VERSION_HASH,
    decode_base64,
    encode_base64,
    hash_tagged,
)
from quietway_schemas.content.oncall import (
    AgencyOnCallChange,
    AgencyRota,
    OnCallPublished,
)
from quietway_schemas.envelope import EnvelopeClass
from quietway_schemas.ids import AgencyId, DeviceId
from quietway_schemas.instants import DAY

if TYPE_CHECKING:
    from collections.abc import Iterable

    from quietway.oncall.changes import OnCallChange
    from quietway.oncall.layout import Stretch
    from quietway.ports import Row
    from quietway_schemas.content.base import ContentModel
    from quietway_schemas.instants import Instant

ON_CALL: Final = "on_call"
_ROTA: Final = b"rota"
_GIVEN: Final = b"given/"
_HEARD: Final = b"heard/"
_PUBLISHED: Final = b"published/"
_SAID: Final = b"said/"
_TOLD: Final = b"told"
_WAKES: Final = b"wakes"
_LOOSE_MS: Final = 70 * DAY
"""So long a word about a change waits that nobody here has heard of."""
_ROTA_NAME_BYTES: Final = 16


@dataclass(frozen=True, slots=True)
class RotaVersion:
    """A version of the rota, with its name and the names that its author saw."""

    name: bytes
    supersedes: frozenset[bytes]
    content: AgencyRota

    @classmethod
    def of(cls, content: AgencyRota) -> RotaVersion:
        """Read a version; its name is the hash of its canonical form."""
        name = hash_tagged(TAG_VERSION_HASH, content.to_canonical())
        return cls(name, frozenset(content.supersedes), content)


@dataclass(frozen=True, slots=True)
class Given:
    """What a partner was sent.

    Attributes:
        content: What.
        devices: To which of its devices.
    """

    content: OnCallPublished
    devices: frozenset[DeviceId]


@dataclass(slots=True)
class OnCallBook:
    """All of it. Empty when made.

    Attributes:
        known: The versions of the own agency's rota.
        said: What was said of changes, by the hash of each word.
        published: What partners said last.
        given: What they were sent, by this device or by a colleague.
        heard: Each colleague's last word, and this device's own beat that came back last.
        told: The colleagues that were told of the rota.
        wakes: Whether wake-ups for this device were left at the relay.
    """

    known: Versions[RotaVersion] = field(default_factory=Versions)
    said: dict[bytes, SaidOfChange] = field(default_factory=dict)
    published: dict[AgencyId, OnCallPublished] = field(default_factory=dict)
    given: dict[AgencyId, Given] = field(default_factory=dict)
    heard: dict[DeviceId, Heard] = field(default_factory=dict)
    told: frozenset[DeviceId] = frozenset()
    wakes: bool = False

    @classmethod
    def restore(cls, rows: Iterable[Row]) -> OnCallBook:
        """Bring back what the store holds.

        Raises:
            SchemaError, CryptoError, ValueError: A row is not what this room writes.
        """
        book = cls()
        for row in rows:
            book._read(row.key, Fields(row.value))
        return book

    def copy(self) -> OnCallBook:
        """Give another one that says the same: it is gone by once what is new is on the disk."""
        return replace(
            self,
            said=dict(self.said),
            published=dict(self.published),
            given=dict(self.given),
            heard=dict(self.heard),
        )

    @property
    def has_rota(self) -> bool:
        """Whether this agency has one."""
        return bool(self.known.current)

    @property
    def versions(self) -> tuple[AgencyRota, ...]:
        """The current versions, by name."""
        return tuple(held.content for _, held in sorted(self.known.current.items()))

    @property
    def rota_name(self) -> bytes:
        """What stands for the current versions in a heartbeat, 16 bytes."""
        names = b"".join(sorted(self.known.current))
        return hash_tagged(TAG_VERSION_HASH, names)[:_ROTA_NAME_BYTES]

    def name_seen(self) -> tuple[bytes, ...]:
        """Give the names that a new version carries."""
        return tuple(sorted(self.known.current)[:MOST_SEEN])

    def list_changes(self) -> tuple[OnCallChange, ...]:
        """List the changes, as they stand."""
        return fold_changes(self.said.values())

    def lay_out(self, starts: Instant, ends: Instant) -> tuple[Stretch, ...]:
        """Lay out who is on call in the own agency."""
        return lay_out(self.versions, list_swaps(self.list_changes()), starts, ends)

    def learn_rota(self, content: AgencyRota) -> list[Put]:
        """Take a version in; gives the row where that is something new."""
        after = learn(self.known, RotaVersion.of(content))
        if after == self.known:
            return []
        self.known = after
        return [self._write_rota()]

    def learn_change(self, content: AgencyOnCallChange, device: DeviceId, at: Instant) -> list[Put]:
        """Take in what a device said of a change; gives the row where that is new."""
        name = hash_tagged(TAG_VERSION_HASH, content.to_canonical() + device.value)
        if name in self.said:
            return []
        at = at if content.said_at is None else min(at, content.said_at)
        self.said[name] = SaidOfChange(content, device, at, name)
        row = write_row(content=content.to_canonical(), device=str(device), at=at)
        return [Put(ON_CALL, _SAID + name, row)]

    def learn_published(self, agency: AgencyId, content: OnCallPublished) -> list[Put]:
        """Take in what a partner said, where it is later than what is here."""
        held = self.published.get(agency)
        if held is not None and _rank(held) >= _rank(content):
            return []
        self.published[agency] = content
        row = write_row(content=content.to_canonical())
        return [Put(ON_CALL, _PUBLISHED + agency.value, row)]

    def note_given(self, agency: AgencyId, given: Given) -> list[Put]:
        """Note what a partner was sent, where it is later than what it was sent before."""
        held = self.given.get(agency)
        if held is not None and _rank(held.content) > _rank(given.content):
            return []
        self.given[agency] = given
        row = write_row(
            content=given.content.to_canonical(),
            devices=[str(device) for device in sorted(given.devices)],
        )
        return [Put(ON_CALL, _GIVEN + agency.value, row)]

    def hear(self, device: DeviceId, heard: Heard) -> list[Put]:
        """Note a device's last word, where none that is later is known."""
        held = self.heard.get(device)
        if held is not None and (held == heard or held.at > heard.at):
            return []
        self.heard[device] = heard
        row = write_row(
            at=heard.at, locking=heard.locking, wakeable=heard.wakeable, rota=heard.rota
        )
        return [Put(ON_CALL, _HEARD + device.value, row)]

    def note_told(self, devices: Iterable[DeviceId]) -> list[Put]:
        """Note which colleagues were told of the rota."""
        self.told |= frozenset(devices)
        return [Put(ON_CALL, _TOLD, write_row(devices=[str(held) for held in sorted(self.told)]))]

    def note_wakes(self, *, wakes: bool) -> list[Put]:
        """Note whether wake-ups for this device were left at the relay."""
        self.wakes = wakes
        return [Put(ON_CALL, _WAKES, write_row(wakes=wakes))]

    def forget(self, now: Instant) -> list[Delete]:
        """Let go of what is over."""
        over = {held.change_id for held in self.list_changes() if held.is_over(now)}
        known = {held.change_id for held in self.list_changes()}
        gone = [
            name
            for name, held in self.said.items()
            if held.content.change_id in over
            or (held.content.change_id not in known and now >= held.at + _LOOSE_MS)
        ]
        for name in gone:
            del self.said[name]
        return [Delete(ON_CALL, _SAID + name) for name in gone]

    def gather(self) -> list[ContentModel]:
        """Gather what a new device is told: the current versions, and the changes that count."""
        changes = [
            AgencyOnCallChange(
                change_id=held.change_id,
                kind="override",
                tier=held.tier,
                on=held.on,
                off=held.off,
                starts=held.starts,
                ends=held.ends,
                back_starts=None if held.back is None else held.back[0],
                back_ends=None if held.back is None else held.back[1],
                said_at=held.said_at,
            )
            for held in self.list_changes()
            if held.state == "counts"
        ]
        return [*self.versions, *changes]

    def _write_rota(self) -> Put:
        row = write_row(
            named=[encode_base64(name) for name in sorted(self.known.named)],
            current=[encode_base64(held.to_canonical()) for held in self.versions],
        )
        return Put(ON_CALL, _ROTA, row)

    def _read(self, key: bytes, held: Fields) -> None:
        head, slash, rest = key.partition(b"/")
        match head + slash:
            case b"rota":
                named = frozenset(decode_base64(text) for text in held.texts("named"))
                current = [_read_rota(decode_base64(text)) for text in held.texts("current")]
                self.known = learn(Versions({}, named), *map(RotaVersion.of, current))
            case b"said/":
                content = AgencyOnCallChange.from_canonical(held.raw("content"), max_bytes=_ROOM)
                device = DeviceId.from_text(held.text("device"))
                self.said[rest] = SaidOfChange(content, device, held.number("at"), rest)
            case b"published/":
                self.published[AgencyId(rest)] = _read_published(held)
            case b"given/":
                devices = frozenset(DeviceId.from_text(text) for text in held.texts("devices"))
                self.given[AgencyId(rest)] = Given(_read_published(held), devices)
            case b"heard/":
                self.heard[DeviceId(rest)] = Heard(
                    held.number("at"),
                    held.truth("locking"),
                    held.truth("wakeable"),
                    held.raw("rota"),
                )
            case b"told":
                self.told = frozenset(DeviceId.from_text(text) for text in held.texts("devices"))
            case b"wakes":
                self.wakes = held.truth("wakes")


_ROOM: Final = EnvelopeClass.CASE.content_room


def _read_rota(raw: bytes) -> AgencyRota:
    return AgencyRota.from_canonical(raw, max_bytes=_ROOM)


def _read_published(held: Fields) -> OnCallPublished:
    return OnCallPublished.from_canonical(held.raw("content"), max_bytes=_ROOM)


def _rank(content: OnCallPublished) -> tuple[int, bytes]:
    return content.issued, hash_tagged(TAG_VERSION_HASH, content.to_canonical())
