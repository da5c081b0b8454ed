"""What one device has published, without the keys: when, for which manifest, and which epochs.

A directory of thousands of devices is held in memory all the time, its keys are not: they are read
from the store where something is sealed. So this is what must be known at once: enough to judge the
next batch of the device, and to say which batch a key stands in.

Pure, and frozen: `following` gives what is known after a further batch.

Spec: docs/spec/directory.md, "Epoch batches are increments" and "Reading".
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final, Self

from quietway_schemas.directory import MOST_BATCHES, find_epoch_over
from quietway_schemas.envelope import EnvelopeClass
from quietway_schemas.errors import ContentError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from quietway_schemas.directory import EpochBatch
    from quietway_schemas.instants import Instant

_HEAD: Final = struct.Struct(">QI32s")
_LISTING: Final = struct.Struct(">QB")
_EPOCH: Final = struct.Struct(">BH")
_CLASSES: Final = {int(class_): class_ for class_ in EnvelopeClass}


@dataclass(frozen=True, slots=True)
class Listing:
    """Which epochs a batch lists.

    Attributes:
        issued: Of the batch; names it among those of its device.
        packed: Class (u8) and number (u16) of each epoch: thousands of these are held.
    """

    issued: Instant
    packed: bytes

    @property
    def epochs(self) -> Iterator[tuple[EnvelopeClass, int]]:
        """The epochs, as the batch has them."""
        for class_, epoch in _EPOCH.iter_unpack(self.packed):
            yield _CLASSES[class_], epoch

    def lists(self, class_: EnvelopeClass, epoch: int) -> bool:
        """Say whether the batch lists an epoch."""
        at = self.packed.find(_EPOCH.pack(class_, epoch))
        # What was found between two epochs is none.
        return at >= 0 and (at % _EPOCH.size == 0 or (class_, epoch) in self.epochs)

    def is_over(self, now: Instant) -> bool:
        """Say whether nobody seals to any of its epochs any more."""
        return all(_find_over(*epoch) <= now for epoch in _EPOCH.iter_unpack(self.packed))


@dataclass(frozen=True, slots=True)
class Published:
    """What a device has published, as far as it was proved.

    Attributes:
        issued: When its newest batch was.
        manifest_version: The version that the newest batch names.
        manifest_hash: Its hash.
        listings: Of the batches that list something, by `issued`; the newest among them.
    """

    issued: Instant
    manifest_version: int
    manifest_hash: bytes
    listings: tuple[Listing, ...] = ()

    def holds(self, issued: Instant) -> bool:
        """Say whether the batch of that time was taken in, and not dropped since."""
        return issued == self.issued or any(held.issued == issued for held in self.listings)

    def find(self, class_: EnvelopeClass, epoch: int) -> Instant | None:
        """Say which batch an epoch's keys stand in: the first that listed it. None where none."""
        found = (held.issued for held in self.listings if held.lists(class_, epoch))
        return next(found, None)

    def to_row(self) -> bytes:
        """Write it for the store."""
        parts = [_HEAD.pack(self.issued, self.manifest_version, self.manifest_hash)]
        for held in self.listings:
            parts += [_LISTING.pack(held.issued, len(held.packed) // _EPOCH.size), held.packed]
        return b"".join(parts)

    @classmethod
    def from_row(cls, row: bytes) -> Self:
        """Read it back.

        Raises:
            ContentError: It is not what `to_row` wrote.
        """
        try:
            issued, version, digest = _HEAD.unpack_from(row)
            return cls(issued, version, digest, tuple(_read_listings(row)))
        except (struct.error, ValueError, KeyError):
            raise ContentError("published", "is not what this version wrote") from None


def follow(held: Published | None, batch: EpochBatch, *, now: Instant) -> Published:
    """Say what a device has published with one further batch.

    Args:
        held: Before it; None where there was nothing.
        batch: A proved one.
        now: What is over by then is left out.
    """
    former = () if held is None or batch.replaces else held.listings
    kept = [each for each in former if not each.is_over(now)]
    if batch.epochs:
        packed = (_EPOCH.pack(each.envelope_class, each.epoch) for each in batch.epochs)
        kept.append(Listing(batch.issued, b"".join(packed)))
    kept.sort(key=lambda each: each.issued)
    return Published(
        batch.issued, batch.manifest_version, batch.manifest_hash, tuple(kept[-MOST_BATCHES:])
    )


@lru_cache(maxsize=256)
def _find_over(class_: int, epoch: int) -> Instant:
    return find_epoch_over(_CLASSES[class_], epoch)


def _read_listings(row: bytes) -> Iterator[Listing]:
    at = _HEAD.size
    while at < len(row):
        issued, count = _LISTING.unpack_from(row, at)
        at += _LISTING.size
        end = at + count * _EPOCH.size
        if end > len(row):
            raise ValueError
        made = Listing(issued, row[at:end])
        # Read once, so that a class that does not exist is refused here and not later.
        _ = tuple(made.epochs)
        yield made
        at = end
