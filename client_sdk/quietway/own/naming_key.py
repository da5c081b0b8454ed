"""The key of which names for cases are made: drawn from the agency's first secret, and kept.

The agency's secret is drawn anew when a device is revoked. What a partner is told that a case is
called must not follow it: two devices that tell of a case at once, one of which has not heard of
the new secret, would call it differently, and a stop under one name would miss the other. So each
device keeps this key from before it takes another secret, and tells it to each that is linked.

Rules: it is derived one way, so that it gives no secret away. Whoever has it can still name nothing
without the agency's own reference of a case.

Spec: docs/spec/cases.md, "References".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from quietway.own.standing import STANDING
from quietway.ports import Put
from quietway_crypto.encoding import TAG_CASE_ALIAS
from quietway_crypto.kdf import hmac_tagged
from quietway_crypto.secret import Secret

if TYPE_CHECKING:
    from quietway.agent import Agent

NAMING_KEY: Final = b"naming key"
NAMING_KEY_BYTES: Final = 32


async def find_naming_key(agent: Agent) -> Secret:
    """Give the key of which this agency makes names for cases."""
    kept = await agent.store.read(STANDING, NAMING_KEY)
    return Secret(kept or hmac_tagged(agent.keyring.agency_secret, TAG_CASE_ALIAS, b""))


async def keep_naming_key(agent: Agent) -> None:
    """Write the key down, where it is not, before the secret that it comes from is let go of."""
    if await agent.store.read(STANDING, NAMING_KEY) is None:
        key = await find_naming_key(agent)
        await agent.settle(also=[write_naming_key(key.reveal())])


def write_naming_key(key: bytes) -> Put:
    """Give the row of the key, 32 bytes."""
    return Put(STANDING, NAMING_KEY, key)
