"""What leaves together has nothing in common that the relay could see: ids, hashes, sealed bytes.

The same text goes to three devices of one agency, again and again: if anything of a message showed
in its envelopes, it would show here.
"""

from __future__ import annotations

import math
from collections import Counter
from itertools import combinations
from typing import TYPE_CHECKING

from tests.client_sdk.agencies import HOSPITAL, SHELTER
from tests.client_sdk.own.linked import link, settle
from tests.controls import without

from quietway_schemas.envelope import unpack_records

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pytest
    from tests.client_sdk.agencies import Agencies

    from quietway.ports import Relay
    from quietway_crypto.suite_codes import Suite
    from quietway_schemas.envelope import SubmissionRecord

MESSAGES = 6
WINDOW = 8
SIGMAS = 5


class Recording:
    """A relay that notes what is submitted, as its operator could."""

    def __init__(self, relay: Relay) -> None:
        self.batches: list[list[SubmissionRecord]] = []
        self._relay = relay

    def __getattr__(self, name: str) -> object:
        return getattr(self._relay, name)

    async def submit(self, capability: bytes, records: Sequence[bytes]) -> None:
        self.batches.append(list(unpack_records(b"".join(records))))
        await self._relay.submit(capability, records)


async def submit_texts(agencies: Agencies) -> list[list[SubmissionRecord]]:
    """Let a hospital say one text to three devices, several times; give the batches."""
    shelter, hospital = await agencies.found_partners(SHELTER, HOSPITAL)
    others = [await link(agencies, shelter, name) for name in ("second", "third")]
    await settle(shelter, *others, hospital)
    recording = Recording(hospital._agent.relay)
    hospital._agent.relay = recording  # type: ignore[assignment]  # it passes all on
    for _ in range(MESSAGES):
        await hospital.messages.send("The same words each time. " * 12, to="HARBOR")
    return [batch for batch in recording.batches if len(batch) > 1]


def find_structure(records: Sequence[SubmissionRecord]) -> set[str]:
    """Name what any two of these have in common that two at random would not."""
    found: set[str] = set()
    ids = [record.header.envelope_id.value for record in records]
    fields = {"envelope_id": ids, "withdraw_hash": [record.withdraw_hash for record in records]}
    for name, values in fields.items():
        pairs = combinations(values, 2)
        if any(_agreeing(one, other) > 4 for one, other in pairs):
            found.add(name)
    windows = Counter(
        piece
        for record in records
        for piece in {record.sealed[at : at + WINDOW] for at in range(len(record.sealed) - WINDOW)}
    )
    if any(count > 1 for count in windows.values()):
        found.add("sealed bytes")
    if any(not _is_half(one.sealed, other.sealed) for one, other in combinations(records, 2)):
        found.add("sealed bits")
    return found


def _agreeing(one: bytes, other: bytes) -> int:
    """Count the bytes at which two values of one length agree."""
    return sum(a == b for a, b in zip(one, other, strict=True))


def _is_half(one: bytes, other: bytes) -> bool:
    """Say whether two differ in half of their bits, as far as chance goes."""
    if len(one) != len(other):
        return True
    bits = 8 * len(one)
    apart = (int.from_bytes(one, "big") ^ int.from_bytes(other, "big")).bit_count()
    return abs(apart - bits / 2) <= SIGMAS * math.sqrt(bits) / 2


async def test_envelopes_that_left_together_have_nothing_in_common(
    agencies: Agencies, monkeypatch: pytest.MonkeyPatch
) -> None:
    batches = await submit_texts(agencies)
    assert len(batches) >= MESSAGES
    together = [record for batch in batches for record in batch]
    assert len({record.header.mailbox for record in together}) == 3
    assert find_structure(together) == set()
    # Control: were they not sealed each by itself, the text would show in all of them.
    without(monkeypatch, "quietway.sealing:seal", leave_open)
    assert find_structure((await say_again(agencies))[-1]) == {"sealed bytes", "sealed bits"}


def leave_open(suite: Suite, key: bytes, inner: bytes, *, header: bytes) -> bytes:
    del key, header
    return inner + bytes(suite.seal_overhead)


async def say_again(agencies: Agencies) -> list[list[SubmissionRecord]]:
    hospital = await agencies.reopen(HOSPITAL, agencies.stores[HOSPITAL])
    await hospital.sync()
    recording = Recording(hospital._agent.relay)
    hospital._agent.relay = recording  # type: ignore[assignment]  # it passes all on
    await hospital.messages.send("The same words each time. " * 12, to="HARBOR")
    return recording.batches
