"""The keyring's file, without its secrets: the head, the wrapped records, and the checksum.

    file = head || LF || SHA-256(head)
    head = {"format":2,"id":base64(16),"memory_kib":...,"parallelism":...,"pepper":base64(16),
            "pepper_due":...,"records":[...],"salt":base64(16),"time_cost":...}

What can be done without the passphrase is done here: to read a keyring's head, and to delete the
records whose time has passed (`erase_due_locked`). The checksum is no defence against people: it
tells a damaged file from a wrong passphrase.

Spec: docs/spec/keys.md, "The keyring".
"""

import hashlib
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import Annotated, Final

from pydantic import Field

from quietway.errors import StoreDamaged, StoreMissing, StoreTooNew
from quietway.files import write_durably
from quietway.keyring.records import WrappedRecord
from quietway_crypto.passphrase import PassphraseParameters
from quietway_schemas.canonical import JsonObject, decode_canonical
from quietway_schemas.errors import SchemaError
from quietway_schemas.fields import Bytes16, WireModel
from quietway_schemas.instants import Instant

FORMAT: Final = 2
PART: Final = "keyring"
SALT_BYTES: Final = 16
MAX_HEAD_BYTES: Final = 33_554_432
"""Room for some hundred thousand record keys."""
CHECKSUM_BYTES: Final = 32
_THIS_FORMAT: Final = b'{"format":%d,' % FORMAT
_NO_RECORDS: Final = b'"records":[]'
"""Stands once in a head without records: all that could hold a quotation mark is base64."""


class Head(WireModel):
    """What stands in the clear, and the wrapped records.

    Attributes:
        id: Which keyring this is, for the system's own keyring; random.
        pepper: The name of the pepper that the records are under.
        pepper_due: Records were deleted while the device was locked, so the others await a new one.
    """

    format: Annotated[int, Field(ge=2, le=2**31)]
    id: Bytes16
    memory_kib: int
    parallelism: int
    pepper: Bytes16
    pepper_due: bool
    records: tuple[WrappedRecord, ...]
    salt: Bytes16
    time_cost: int

    @property
    def parameters(self) -> PassphraseParameters:
        """The cost of trying one passphrase, within bounds.

        Raises:
            PassphraseRefusedError: A prepared file asks for more than a machine should give.
        """
        return PassphraseParameters(
            time_cost=self.time_cost, memory_kib=self.memory_kib, parallelism=self.parallelism
        )


def read_file(path: Path) -> bytes:
    """Read the file as it stands.

    Raises:
        StoreMissing: There is none.
    """
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise StoreMissing from None


def find_format(raw: bytes, *, known: int) -> int:
    """Tell which format a file has, looking at nothing else: a newer head may hold anything.

    Raises:
        StoreTooNew: A newer version wrote it.
        StoreDamaged: It says nothing of the kind.
    """
    if raw.startswith(_THIS_FORMAT):
        # A hundred thousand records are not decoded for the number that stands before them.
        return FORMAT
    found = _decode(raw.partition(b"\n")[0]).get("format")
    if not isinstance(found, int) or isinstance(found, bool) or found < 1:
        raise StoreDamaged(PART)
    if found > known:
        raise StoreTooNew(found, known)
    return found


def read_head(raw: bytes) -> Head:
    """Read the head of a whole file of this format.

    Raises:
        StoreDamaged: The file is not whole, or not of this format.
    """
    head, _, checksum = raw.partition(b"\n")
    if hashlib.sha256(head).digest() != checksum:
        raise StoreDamaged(PART)
    try:
        # The checksum has shown that it is what was written, and each record shows it for itself.
        return Head.from_kept(head)
    except SchemaError:
        raise StoreDamaged(PART) from None


def write_head(path: Path, head: Head, records: Iterable[bytes] = ()) -> None:
    """Replace the file durably.

    Args:
        path: The file.
        head: What stands in it.
        records: More records as `WrappedRecord.write` gives them, sorted by name; for a head that
            has none. A hundred thousand are not written anew for one that is added.

    Raises:
        StorageFull: There is no room. The file is as it was.
    """
    write_durably(path, _lay_out(head.to_canonical(), [] if head.records else records))


def erase_due_locked(path: Path, now: Instant) -> int:
    """Delete the records whose time has passed, without the passphrase.

    The survivors are still under the pepper of before, so a copy made before still opens what is
    deleted here; they get a new one at the next unlocking. The folder's lock must be held.

    Args:
        path: The keyring's file.
        now: A time that is to be believed.

    Returns:
        How many were deleted. A keyring of a former format is left alone: its upgrade needs the
        passphrase.

    Raises:
        StoreMissing, StoreDamaged, StoreTooNew, StorageFull: Nothing was changed.
    """
    raw = read_file(path)
    if find_format(raw, known=FORMAT) < FORMAT:
        return 0
    head = read_head(raw)
    kept = tuple(record for record in head.records if not record.is_due(now))
    erased = len(head.records) - len(kept)
    if erased:
        write_head(path, head.model_copy(update={"records": kept, "pepper_due": True}))
    return erased


def _lay_out(content: bytes, records: Iterable[bytes]) -> Iterator[bytes]:
    """Give the file piece by piece: a copy of all of it would weigh as much as its keys."""
    before, named, after = content.partition(_NO_RECORDS)
    checksum = hashlib.sha256()
    separated = (b"," * (number > 0) + record for number, record in enumerate(records))
    for piece in chain([before + named[:-1]], separated, [named[-1:] + after]):
        checksum.update(piece)
        yield piece
    yield b"\n" + checksum.digest()


def _decode(raw: bytes) -> JsonObject:
    try:
        return decode_canonical(raw, max_bytes=MAX_HEAD_BYTES)
    except SchemaError:
        raise StoreDamaged(PART) from None
