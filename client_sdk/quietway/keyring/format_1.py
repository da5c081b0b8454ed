"""Reads keyrings of format 1, in which everything was one body under the passphrase alone.

    file = head || LF || wrapped body || SHA-256(all before)

It had no pepper and nothing could be deleted from it while it was locked. It is read once, brought
forward, and never written.

Spec: docs/spec/keys.md, "The keyring".
"""

from __future__ import annotations

import hashlib
from typing import Final, Literal

from pydantic import Field

from quietway.errors import StoreDamaged
from quietway.keyring.head import CHECKSUM_BYTES, PART
from quietway.keyring.records import (
    AGENCY,
    DEVICE,
    IDENTITY,
    ROOT,
    STORE,
    WITH_THE_DEVICE,
    Record,
    epoch_dies,
    name_epoch,
)
from quietway_crypto.passphrase import PassphraseParameters
from quietway_crypto.secret import Secret
from quietway_crypto.signing import SigningKey
from quietway_crypto.wrap import unwrap
from quietway_schemas.canonical import JsonObject, decode_canonical, encode_canonical
from quietway_schemas.envelope import EnvelopeClass
from quietway_schemas.errors import SchemaError
from quietway_schemas.fields import (
    Bytes16,
    Bytes32,
    EpochNumber,
    WireModel,
    encode_base64,
)

FORMAT_1: Final = 1
_MAX_HEAD_BYTES: Final = 1_024
_MAX_BODY_BYTES: Final = 1_048_576


class HeadOfFormat1(WireModel):
    """What stood in the clear."""

    format: Literal[1]
    salt: Bytes16
    time_cost: int
    memory_kib: int
    parallelism: int

    @property
    def parameters(self) -> PassphraseParameters:
        """The cost of trying one passphrase, within bounds.

        Raises:
            PassphraseRefusedError: A prepared file asks for more than a machine should give.
        """
        return PassphraseParameters(
            time_cost=self.time_cost, memory_kib=self.memory_kib, parallelism=self.parallelism
        )


class _EpochSeed(WireModel):
    class_: Literal["flash", "case"] = Field(validation_alias="class", serialization_alias="class")
    epoch: EpochNumber
    seed: Bytes32 = Field(repr=False)


class _Seeds(WireModel):
    root_seed: Bytes32 = Field(repr=False)
    identity_seed: Bytes32 = Field(repr=False)
    agency_secret: Bytes32 = Field(repr=False)
    store_key: Bytes32 = Field(repr=False)
    epochs: tuple[_EpochSeed, ...] = Field(default=(), repr=False)


def read_head_1(raw: bytes) -> HeadOfFormat1:
    """Read the head of a whole file.

    Raises:
        StoreDamaged: The file is not whole.
    """
    if hashlib.sha256(raw[:-CHECKSUM_BYTES]).digest() != raw[-CHECKSUM_BYTES:]:
        raise StoreDamaged(PART)
    try:
        return HeadOfFormat1.from_canonical(_head_of(raw), max_bytes=_MAX_HEAD_BYTES)
    except SchemaError:
        raise StoreDamaged(PART) from None


def open_format_1(raw: bytes, key: Secret) -> dict[str, Record]:
    """Open the body, and take it apart into records.

    Args:
        raw: The whole file.
        key: Argon2id of the passphrase.

    Raises:
        OpenError: The key is not the one.
        SchemaError: The body is not of this format.
    """
    wrapped = raw.partition(b"\n")[2][:-CHECKSUM_BYTES]
    opened = unwrap(key, wrapped, context=_head_of(raw))
    device = decode_canonical(opened, max_bytes=_MAX_BODY_BYTES)
    apart: JsonObject = {name: device.pop(name) for name in _Seeds.model_fields if name in device}
    seeds = _Seeds.from_object(apart)
    device["root_key"] = encode_base64(SigningKey(seeds.root_seed).public)
    lasting = {
        DEVICE: encode_canonical(device),
        ROOT: seeds.root_seed,
        IDENTITY: seeds.identity_seed,
        AGENCY: seeds.agency_secret,
        STORE: seeds.store_key,
    }
    records = {name: Record(WITH_THE_DEVICE, Secret(raw)) for name, raw in lasting.items()}
    for held in seeds.epochs:
        place = (EnvelopeClass[held.class_.upper()], held.epoch)
        records[name_epoch(*place)] = Record(epoch_dies(*place), Secret(held.seed))
    return records


def _head_of(raw: bytes) -> bytes:
    return raw.partition(b"\n")[0]
