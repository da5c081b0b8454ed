"""Everything that identifies something in a whole store: each eight bytes of each id, key and hash.

Rows are read as the client reads them, opened. A text that is no id and no bytes (a code, a word)
is not taken apart: what two agencies read in it, they read in the dictionary too.
"""

from __future__ import annotations

import json
from contextlib import suppress
from typing import TYPE_CHECKING

from quietway_crypto.encoding import decode_base64
from quietway_crypto.errors import CryptoError
from quietway_schemas import ids
from quietway_schemas.errors import SchemaError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from quietway import Client

LEAST_BYTES = 8
_IDS = (ids.AgencyId, ids.CaseRef, ids.ConversationId, ids.DeviceId, ids.MessageId, ids.ReferralRef)


def read_identifiers(client: Client) -> set[bytes]:
    """Every eight bytes in a row that somebody could compare."""
    agent, run = client._client._agent, client._loop.run
    store, of_now = agent.store, agent.clock.now().to_bytes(8, "big")[:4]
    found: set[bytes] = set()
    for kind in run(store.kinds):
        for row in run(store.scan, kind):
            for held in (row.key, *_find_bytes(row.value)):
                found |= set(_windows(held))
    # A time of these weeks and the byte before it name nothing, and one in 256 is the same.
    return {held for held in found if of_now not in held}


def _find_bytes(raw: bytes) -> Iterator[bytes]:
    """Give the bytes of a value, with the JSON in it taken apart."""
    start, end = raw.find(b'{"'), raw.rfind(b"}") + 1
    try:
        held = json.loads(raw[start:end])
    except ValueError:
        yield raw
        return
    yield raw[:start]
    yield raw[end:]
    yield from _walk(held)


def _walk(held: object) -> Iterator[bytes]:
    if isinstance(held, dict):
        for key, value in held.items():
            yield from _walk(key)
            yield from _walk(value)
    elif isinstance(held, list):
        for value in held:
            yield from _walk(value)
    elif isinstance(held, str):
        for kind in _IDS:
            with suppress(SchemaError):
                yield kind.from_text(held).value
        with suppress(CryptoError):
            yield from _find_bytes(decode_base64(held))


def _windows(raw: bytes) -> Iterator[bytes]:
    return (raw[start : start + LEAST_BYTES] for start in range(len(raw) - LEAST_BYTES + 1))
