"""Entries of an agency's two lists: made, signed, judged, and put together.

An entry is one phrase, under a hash of how it is read. Of two writings of it the higher version
counts, of two equal ones the more protective, so all devices of an agency come to hold the same
whatever the order in which they heard of it. What is taken out keeps its hash and loses its phrase.

Rules: what lets something be said (an allowed phrase, a denied name that is taken out) is signed by
a device that the agency certifies as a data steward's; an allowed phrase counts only while it is
one. A denied name needs no signature: it lets nothing be said. Entries never print.

Spec: docs/spec/guard.md, "Lists".
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal

from quietway.engine.codec import Fields, write_row
from quietway.errors import QuietwayError
from quietway.guard.lists import Lists
from quietway.guard.reading import Reading
from quietway.own.taken import Taken
from quietway.ports import Put
from quietway_crypto.encoding import TAG_GUARD_LIST, TAG_GUARD_PHRASE, hash_tagged
from quietway_crypto.errors import CryptoError
from quietway_crypto.signing import verify
from quietway_schemas.errors import SchemaError
from quietway_schemas.ids import DeviceId

if TYPE_CHECKING:
    from collections.abc import Iterable

    from quietway.agent import Agent
    from quietway_schemas.content.agency import SharedRow

ListName = Literal["allowed", "denied"]
"""Which of the two."""

GUARD_ENTRY: Final = "guard_entry"
STEWARD: Final = "data_steward"
ALLOWED: Final = "allowed"
DENIED: Final = "denied"
KINDS: Final[dict[str, tuple[str, ...]]] = {
    ALLOWED: ("acp_address", "court", "hotline", "office"),
    DENIED: ("employer", "other", "school", "shelter"),
}
"""What a phrase is, by the list that it stands in."""
MOST_ENTRIES: Final[dict[str, int]] = {ALLOWED: 256, DENIED: 2_048}
"""So many phrases a device puts into a list."""
MOST_KEPT: Final = 2 * sum(MOST_ENTRIES.values())
"""So many entries a device takes in, those that were taken out among them."""
MOST_PHRASE: Final = 120
_MOST_VERSION: Final = 1_000_000_000
MOST_UNSIGNED: Final = 1_000_000
"""The last version that everybody may write, so that a data steward always has a later word."""
_KEY_BYTES: Final = 16


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry, as it was written.

    Attributes:
        list: Which list.
        key: The hash of how its phrase is read, 16 bytes.
        kind: One of `KINDS`.
        phrase: What it is about; empty once it is taken out.
        version: Counted from 1, for this phrase.
        device: Who wrote it.
        payload: What is signed.
        signature: By that device, 64 bytes; empty where it is not signed.
    """

    list: str
    key: bytes = field(repr=False)
    kind: str
    phrase: str = field(repr=False)
    version: int
    device: DeviceId
    payload: bytes = field(repr=False)
    signature: bytes = field(repr=False)

    @property
    def needs_signature(self) -> bool:
        """Whether it lets something be said."""
        return self.list == ALLOWED or not self.phrase

    @property
    def rank(self) -> tuple[int, bool, bytes]:
        """What decides between two writings of it."""
        protects = bool(self.phrase) == (self.list == DENIED)
        return self.version, protects, self.payload

    def to_put(self) -> Put:
        """Give the row that it is kept and shared as."""
        row = write_row(payload=self.payload, signature=self.signature)
        return Put(GUARD_ENTRY, self.key, row)


def name_phrase(list_name: str, phrase: str) -> bytes:
    """Name a phrase by how it is read, so that another spelling of it is the same entry."""
    read = f"{list_name}/{Reading(phrase).plain.text.strip()}"
    return hash_tagged(TAG_GUARD_PHRASE, read.encode("utf-8"))[:_KEY_BYTES]


def make_entry(
    agent: Agent, list_name: str, key: bytes, kind: str, phrase: str, *, sign: bool
) -> Entry:
    """Make the next version of an entry, on this device.

    Args:
        agent: Of this device.
        list_name: Which list.
        key: As `name_phrase` has it.
        kind: One of `KINDS`.
        phrase: What it is about; empty to take it out.
        sign: Whether this device is a data steward's.
    """
    held = agent.guarding.entries.get(key)
    payload = write_row(
        agency=str(agent.keyring.agency),
        list=list_name,
        key=key,
        kind=kind,
        phrase=phrase,
        version=1 if held is None else held.version + 1,
        device=str(agent.keyring.device),
    )
    signature = agent.keyring.identity.sign(TAG_GUARD_LIST, payload) if sign else b""
    return read_entry(agent, key, write_row(payload=payload, signature=signature))


def read_entry(agent: Agent, key: bytes, raw: bytes) -> Entry:
    """Read an entry's row.

    Raises:
        ValueError, QuietwayError, SchemaError: It is none of this agency, or not whole.
    """
    row = Fields(raw)
    payload = row.raw("payload")
    said = Fields(payload)
    entry = Entry(
        list=said.text("list"),
        key=said.raw("key"),
        kind=said.text("kind"),
        phrase=said.text("phrase"),
        version=said.number("version"),
        device=DeviceId.from_text(said.text("device")),
        payload=payload,
        signature=row.raw("signature"),
    )
    if said.text("agency") != str(agent.keyring.agency) or entry.key != key:
        raise ValueError("is of another agency, or of another phrase")
    if entry.kind not in KINDS.get(entry.list, ()) or not 0 < entry.version <= _MOST_VERSION:
        raise ValueError("is of no list that there is")
    if len(entry.phrase) > MOST_PHRASE or (
        entry.phrase and name_phrase(entry.list, entry.phrase) != key
    ):
        raise ValueError("does not have the phrase that it names")
    return entry


def is_signed(agent: Agent, entry: Entry) -> bool:
    """Say whether a device signed an entry that the agency certifies now as a data steward's."""
    signer = agent.directory.device(agent.keyring.agency, entry.device)
    if signer is None or STEWARD not in signer.roles:
        return False
    try:
        verify(signer.identity_key, TAG_GUARD_LIST, entry.payload, entry.signature)
    except CryptoError:
        return False
    return True


def counts(agent: Agent, entry: Entry) -> bool:
    """Say whether the guard goes by an entry now."""
    return bool(entry.phrase) and (not entry.needs_signature or is_signed(agent, entry))


async def take_entries(agent: Agent, rows: Iterable[SharedRow]) -> tuple[Taken, bool]:
    """Take in what a colleague's device told of the lists.

    Each entry is judged by itself: a name that is never said comes in beside one that is refused.

    Returns:
        What comes of it, and whether an entry was refused.
    """
    taken: dict[bytes, Entry] = {}
    known, refused = agent.guarding.entries, False
    for row in rows:
        try:
            entry = _judge(agent, row)
        except (QuietwayError, SchemaError, CryptoError, ValueError):
            refused = True
            continue
        held = taken.get(entry.key, known.get(entry.key))
        if held is None and len(known.keys() | taken.keys()) >= MOST_KEPT:
            refused = True
        elif held is None or entry.rank > held.rank:
            taken[entry.key] = entry

    async def remember() -> None:
        remember_entries(agent, taken.values())

    return Taken(tuple(entry.to_put() for entry in taken.values()), (remember,)), refused


def _judge(agent: Agent, row: SharedRow) -> Entry:
    entry = read_entry(agent, row.key, row.value)
    if needs_steward(entry) and not is_signed(agent, entry):
        raise ValueError("is not signed by a data steward's device")
    return entry


def needs_steward(entry: Entry) -> bool:
    """Say whether only a data steward may write it: what is later than all others may write."""
    return entry.needs_signature or entry.version > MOST_UNSIGNED


async def load_lists(agent: Agent) -> None:
    """Read the lists from the store, where the guard then finds them.

    Raises:
        ValueError, QuietwayError, SchemaError: A row is not what this version wrote.
    """
    rows = await agent.store.scan(GUARD_ENTRY)
    remember_entries(agent, [read_entry(agent, row.key, row.value) for row in rows])


def remember_entries(agent: Agent, entries: Iterable[Entry]) -> None:
    """Go by these entries from now on."""
    agent.guarding.entries.update({entry.key: entry for entry in entries})
    refresh_lists(agent)


def refresh_lists(agent: Agent) -> None:
    """See who is a data steward now, and go by that."""
    held = sorted(agent.guarding.entries.values(), key=lambda entry: entry.key)
    going = [entry for entry in held if counts(agent, entry)]
    lists = Lists(
        allowed=tuple(entry.phrase for entry in going if entry.list == ALLOWED),
        denied=tuple(entry.phrase for entry in going if entry.list == DENIED),
    )
    # What is made ready of a list once is kept for as long as it stays the same.
    if lists != agent.guarding.lists:
        agent.guarding.lists = lists
