"""The agency's data-use policy: a document that each device's user reads before saying anything.

What travels among the agency's devices is the document's version and hash; the document itself is
handed round as the agency likes. Whoever acknowledges it has the very document: its bytes are asked
for. Until then this device says nothing about a case.

Spec: docs/spec/consent.md, "The data-use policy".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from quietway.engine.codec import Fields, write_row
from quietway.errors import ContentRefused, DataUseUnread, NotFound, OpsKeyMissing
from quietway.own.sharing import DATA_USE, write_shared
from quietway.ports import Put
from quietway_crypto.encoding import TAG_VERSION_HASH, hash_tagged

if TYPE_CHECKING:
    from quietway.agent import Agent
    from quietway_schemas.instants import Instant

SEEN: Final = "data_use_seen"
_ONLY: Final = bytes(16)
_MOST_VERSION: Final = 40


@dataclass(frozen=True, slots=True)
class DataUse:
    """The policy that counts.

    Attributes:
        version: As the agency calls it.
        hash: H(`quietway/v1/hash-of-version`, the document): 32 bytes.
        acknowledged: When it was acknowledged on this device; 0 for not yet.
    """

    version: str
    hash: bytes
    acknowledged: Instant


async def find_data_use(agent: Agent) -> DataUse | None:
    """Give the policy that counts; None where the agency has adopted none."""
    raw = await agent.store.read(DATA_USE, _ONLY)
    if raw is None:
        return None
    held = Fields(raw)
    seen = await agent.store.read(SEEN, held.raw("hash"))
    return DataUse(held.text("version"), held.raw("hash"), Fields(seen or b"{}").number("at"))


async def adopt_data_use(agent: Agent, version: str, document: bytes) -> DataUse:
    """Make a document the agency's policy; see `AsyncConsent.adopt_data_use`."""
    if agent.keyring.ops is None:
        raise OpsKeyMissing
    if not version.strip() or len(version) > _MOST_VERSION or not document:
        raise ContentRefused("version", "or the document is empty, or the version is too long.")
    digest = hash_tagged(TAG_VERSION_HASH, document)
    await write_shared(agent, Put(DATA_USE, _ONLY, write_row(version=version, hash=digest)))
    return DataUse(version, digest, 0)


async def acknowledge_data_use(agent: Agent, document: bytes) -> DataUse:
    """Note that this device's user has read it; see `AsyncConsent.acknowledge_data_use`."""
    held = await find_data_use(agent)
    if held is None:
        raise NotFound("A data-use policy")
    if hash_tagged(TAG_VERSION_HASH, document) != held.hash:
        raise ContentRefused("document", "is not the version that counts: ask for the newest one.")
    at = agent.clock.now()
    await agent.settle(also=[Put(SEEN, held.hash, write_row(at=at))])
    return DataUse(held.version, held.hash, at)


async def check_data_use(agent: Agent) -> None:
    """Demand that this device's user knows the rules.

    Raises:
        DataUseUnread: The agency has a policy, and it was not acknowledged here.
    """
    held = await find_data_use(agent)
    if held is not None and not held.acknowledged:
        raise DataUseUnread(held.version)
