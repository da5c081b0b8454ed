"""What lies in a backup: the device, its record keys with their ends, and the store's rows.

    content = u32 length || head || row...
    head    = canonical JSON {format: 1, made, records: [{erase_after, name, secret}]}
    row     = u8 length || kind || u16 length || key || u32 length || value

The records are those of the keyring, without what must not outlive the machine: no epoch seed, no
ops key, no root. The store's own key is another one. Rows are taken as they lie, those of content
still under their record keys, so that one whose key died before restoring opens nowhere.

Rules: read as strictly as anything from outside. Pure.

Spec: docs/spec/keys.md, "Backup".
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Final, Literal

from pydantic import Field

from quietway.errors import BackupRefused
from quietway.keyring.body import ALWAYS
from quietway.keyring.records import RECORD_KEY, Record
from quietway.ports import Put
from quietway_crypto.secret import Secret
from quietway_schemas.errors import SchemaError
from quietway_schemas.fields import Base64, Moment, WireModel
from quietway_schemas.instants import Instant

FORMAT: Final = 1
_MOST_HEAD_BYTES: Final = 64 * 1024 * 1024
_MOST_SECRET_BYTES: Final = 16_384
_HEAD_LENGTH, _KIND_LENGTH, _KEY_LENGTH, _VALUE_LENGTH = 4, 1, 2, 4


class _KeptRecord(WireModel):
    """One record of the keyring."""

    erase_after: Moment
    name: Annotated[str, Field(min_length=1, max_length=64)]
    secret: Annotated[bytes, Base64(1, _MOST_SECRET_BYTES)] = Field(repr=False)


class _Head(WireModel):
    """What stands before the rows."""

    format: Literal[1]
    made: Moment
    records: Annotated[tuple[_KeptRecord, ...], Field(min_length=1)]


@dataclass(frozen=True, slots=True)
class BackupContent:
    """A backup, open.

    Attributes:
        made: When it was made.
        records: The device and its record keys, by the names they have in a keyring.
        rows: The store's rows, in their order.
    """

    made: Instant
    records: Mapping[str, Record] = field(repr=False)
    rows: tuple[Put, ...] = field(repr=False)

    def to_bytes(self) -> bytes:
        """Write it."""
        kept = tuple(
            _KeptRecord(erase_after=held.erase_after, name=name, secret=held.secret.reveal())
            for name, held in sorted(self.records.items())
        )
        head = _Head(format=FORMAT, made=self.made, records=kept).to_canonical()
        return _prefix(head, _HEAD_LENGTH) + b"".join(map(_write_row, self.rows))

    @classmethod
    def from_bytes(cls, raw: bytes) -> "BackupContent":
        """Read it.

        Raises:
            BackupRefused: `malformed`, or it holds what no backup may hold.
        """
        try:
            reader = _Reader(raw)
            head = _Head.from_canonical(reader.take(_HEAD_LENGTH), max_bytes=_MOST_HEAD_BYTES)
            rows = tuple(_read_rows(reader))
        except (SchemaError, EOFError, UnicodeDecodeError):
            raise BackupRefused("malformed") from None
        names = [held.name for held in head.records]
        sorted_once = names == sorted(set(names))
        if not sorted_once or not all(map(may_be_kept, names)) or ALWAYS - set(names):
            raise BackupRefused("malformed")
        return cls(
            made=head.made,
            records={
                held.name: Record(held.erase_after, Secret(held.secret)) for held in head.records
            },
            rows=rows,
        )


def may_be_kept(name: str) -> bool:
    """Say whether a record of the keyring may lie in a backup: the device, and record keys."""
    return name in ALWAYS or name.startswith(f"{RECORD_KEY}/")


class _Reader:
    """Takes bytes off the front."""

    def __init__(self, raw: bytes) -> None:
        self._raw = raw
        self._at = 0

    @property
    def is_done(self) -> bool:
        """Whether nothing is left."""
        return self._at == len(self._raw)

    def take(self, length_bytes: int) -> bytes:
        """Take what stands behind a length of that many bytes."""
        size = int.from_bytes(self._cut(length_bytes), "big")
        return self._cut(size)

    def _cut(self, size: int) -> bytes:
        end = self._at + size
        if end > len(self._raw):
            raise EOFError
        cut = self._raw[self._at : end]
        self._at = end
        return cut


def _read_rows(reader: _Reader) -> Iterable[Put]:
    while not reader.is_done:
        kind = reader.take(_KIND_LENGTH).decode("ascii")
        yield Put(kind, reader.take(_KEY_LENGTH), reader.take(_VALUE_LENGTH))


def _write_row(row: Put) -> bytes:
    return (
        _prefix(row.kind.encode("ascii"), _KIND_LENGTH)
        + _prefix(row.key, _KEY_LENGTH)
        + _prefix(row.value, _VALUE_LENGTH)
    )


def _prefix(raw: bytes, length_bytes: int) -> bytes:
    return len(raw).to_bytes(length_bytes, "big") + raw
