"""The keyring's file: a readable head, a body under the passphrase, and a checksum.

    file = head || LF || wrapped body || SHA-256(all before)
    head = {"format":1,"memory_kib":...,"parallelism":...,"salt":base64(16),"time_cost":...}

The body is wrapped (XChaCha20-Poly1305, key-committing) under Argon2id of the passphrase, with the
head as context, so a changed head does not open. The checksum is no defence against people: it
tells a damaged file from a wrong passphrase. A file of a newer format is left alone; an older one
is brought forward, after a copy `keyring.before-N` was made. What the body means is `body.py`'s.

Spec: docs/decisions/fresh-incarnation.md.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Final

from pydantic import Field

from quietway.errors import StoreDamaged, StoreMissing, StoreTooNew, WrongPassphrase
from quietway.files import copy_durably, write_durably
from quietway_crypto.errors import OpenError, PassphraseRefusedError
from quietway_crypto.passphrase import PassphraseParameters, derive_key
from quietway_crypto.wrap import NONCE_BYTES, unwrap, wrap
from quietway_schemas.canonical import JsonObject, decode_canonical, encode_canonical
from quietway_schemas.errors import SchemaError
from quietway_schemas.fields import Bytes16, WireModel

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from quietway.ports import Entropy
    from quietway_crypto.secret import Secret

FORMAT: Final = 1
PART: Final = "keyring"
SALT_BYTES: Final = 16
MAX_BODY_BYTES: Final = 1_048_576
_MAX_HEAD_BYTES: Final = 1_024
_CHECKSUM_BYTES: Final = 32


@dataclass(frozen=True, slots=True)
class Formats:
    """Which formats of the body are known, and how each former one becomes the next.

    Attributes:
        known: The newest.
        steps: From format N, the body of N + 1.
    """

    known: int = FORMAT
    steps: Mapping[int, Callable[[JsonObject], JsonObject]] = field(default_factory=dict)


class Head(WireModel):
    """What stands in the clear: the format, and what it costs to try a passphrase."""

    format: Annotated[int, Field(ge=1, le=2**31)]
    salt: Bytes16
    time_cost: int
    memory_kib: int
    parallelism: int

    @property
    def parameters(self) -> PassphraseParameters:
        """The cost, within bounds.

        Raises:
            PassphraseRefusedError: A prepared file asks for more than a machine should give.
        """
        return PassphraseParameters(
            time_cost=self.time_cost, memory_kib=self.memory_kib, parallelism=self.parallelism
        )


@dataclass(frozen=True, slots=True)
class Vault:
    """An open vault: where it lies, and the key that it is written under."""

    path: Path
    head: Head
    key: Secret

    @classmethod
    def make(
        cls,
        path: Path,
        *,
        passphrase: str,
        entropy: Entropy,
        parameters: PassphraseParameters,
        format_: int = FORMAT,
    ) -> Vault:
        """Derive the key of a new vault; nothing is written yet."""
        head = Head(
            format=format_,
            salt=entropy.draw(SALT_BYTES),
            time_cost=parameters.time_cost,
            memory_kib=parameters.memory_kib,
            parallelism=parameters.parallelism,
        )
        return cls(path, head, derive_key(passphrase, salt=head.salt, parameters=parameters))

    def write(self, body: JsonObject, *, entropy: Entropy) -> None:
        """Replace the file durably.

        Raises:
            StorageFull: There is no room. The file is as it was.
        """
        head = self.head.to_canonical()
        nonce = entropy.draw(NONCE_BYTES)
        wrapped = wrap(self.key, encode_canonical(body), context=head, nonce=nonce)
        content = head + b"\n" + wrapped
        write_durably(self.path, content + hashlib.sha256(content).digest())

    def drop_copies(self) -> None:
        """Delete the copies that upgrades left: they hold former secrets under former keys."""
        for copy in self.path.parent.glob(f"{self.path.name}.before-*"):
            copy.unlink()


class MemoryVault:
    """A vault that is gone with the process, for sandboxes: nothing is written anywhere."""

    __slots__ = ()

    def write(self, body: JsonObject, *, entropy: Entropy) -> None:
        """Write nothing: the keyring holds it all."""

    def drop_copies(self) -> None:
        """Do nothing: there are no copies."""


def open_vault(
    path: Path, *, passphrase: str, entropy: Entropy, formats: Formats
) -> tuple[Vault, JsonObject]:
    """Open the file with a passphrase, and bring an older format forward.

    Raises:
        StoreMissing: There is no file.
        StoreTooNew: A newer version wrote it. It was not touched.
        StoreDamaged: It is not whole.
        WrongPassphrase: It is whole, and this passphrase does not open it.
    """
    head, head_bytes, wrapped = _read(path, known=formats.known)
    try:
        key = derive_key(passphrase, salt=head.salt, parameters=head.parameters)
        raw = unwrap(key, wrapped, context=head_bytes)
        body = decode_canonical(raw, max_bytes=MAX_BODY_BYTES)
    except OpenError:
        raise WrongPassphrase from None
    except (PassphraseRefusedError, SchemaError):
        raise StoreDamaged(PART) from None
    return _bring_forward(Vault(path, head, key), body, entropy=entropy, formats=formats)


def _read(path: Path, *, known: int) -> tuple[Head, bytes, bytes]:
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        raise StoreMissing from None
    head_bytes, _, rest = raw.partition(b"\n")
    head = _read_head(head_bytes, known=known)
    content, checksum = raw[:-_CHECKSUM_BYTES], raw[-_CHECKSUM_BYTES:]
    if hashlib.sha256(content).digest() != checksum:
        raise StoreDamaged(PART)
    return head, head_bytes, rest[:-_CHECKSUM_BYTES]


def _read_head(raw: bytes, *, known: int) -> Head:
    try:
        # The format is looked at first and alone: a newer head may have fields we do not know.
        found = decode_canonical(raw, max_bytes=_MAX_HEAD_BYTES).get("format")
        if isinstance(found, int) and found > known:
            raise StoreTooNew(found, known)
        return Head.from_canonical(raw, max_bytes=_MAX_HEAD_BYTES)
    except SchemaError:
        raise StoreDamaged(PART) from None


def _bring_forward(
    vault: Vault, body: JsonObject, *, entropy: Entropy, formats: Formats
) -> tuple[Vault, JsonObject]:
    found = vault.head.format
    if found == formats.known:
        return vault, body
    copy_durably(vault.path, vault.path.with_name(f"{vault.path.name}.before-{found + 1}"))
    for step in range(found, formats.known):
        body = formats.steps[step](body)
    head = vault.head.model_copy(update={"format": formats.known})
    forward = Vault(vault.path, head, vault.key)
    forward.write(body, entropy=entropy)
    return forward, body
