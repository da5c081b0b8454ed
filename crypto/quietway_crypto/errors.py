"""What can go wrong in this room, as one tree.

    CryptoError
    ├── OpenError              a sealed box or a wrapped record did not open, and nobody learns why
    ├── BlobRefusedError       a sealed file is not what was sealed, and nobody learns why
    ├── KeyRefusedError        a key has the wrong length, small order, or a second encoding
    ├── SignatureRefusedError  a signature is not by this key over these bytes
    ├── PaddingError           a message does not fit, or its padding is not as it must be
    ├── EncodingError          a text, a tag or a length is not in its one canonical form
    ├── PassphraseRefusedError a passphrase is too short, or stored parameters are out of bounds
    ├── ProofRefusedError      a path does not show what it should of a log's tree
    ├── WordsRefusedError      words that were typed are not the words of a seed
    └── RandomnessError        the system's randomness repeats itself

Rules: an error carries a sentence, never content, keys or the bytes that were refused. `OpenError`
is opaque: one sentence for every reason and no cause, so that no caller can become an oracle by
reporting it.

Spec: docs/spec/envelope.md, "Opening".
"""

from __future__ import annotations

from typing import Final

OPEN_ERROR_SENTENCE: Final = (
    "The envelope did not open: it was altered, or sealed to a key this device no longer has."
)


class CryptoError(Exception):
    """The root: every refusal of this package is one of these."""


class OpenError(CryptoError):
    """A sealed box or wrapped record did not open. The sentence is the same for every reason."""

    def __init__(self) -> None:
        super().__init__(OPEN_ERROR_SENTENCE)


class BlobRefusedError(CryptoError):
    """A blob is not, from its first to its last byte, what was sealed. One sentence for all."""

    def __init__(self) -> None:
        super().__init__("The file did not open: it is not, byte for byte, the one that was sent.")


class KeyRefusedError(CryptoError):
    """A key has the wrong length, small order, or an encoding that is not the canonical one."""


class SignatureRefusedError(CryptoError):
    """A signature was not made by this key over these bytes for this purpose."""

    def __init__(self) -> None:
        super().__init__("The signature was refused: it is not by this key over these bytes.")


class PaddingError(CryptoError):
    """A message does not fit its size, or its padding is not as the sender must write it."""


class EncodingError(CryptoError):
    """A text, a tag or a length is not in its one canonical form."""


class PassphraseRefusedError(CryptoError):
    """A passphrase is too short, or stored parameters are out of bounds; the text says which."""


class WordsRefusedError(CryptoError):
    """Words that were typed are not the words of a seed. The sentence holds none of them.

    Attributes:
        number: Which word is not in the list, from 1; None where each of them is.
    """

    def __init__(self, sentence: str, *, number: int | None = None) -> None:
        super().__init__(sentence)
        self.number = number


class ProofRefusedError(CryptoError):
    """A path does not lead from this leaf, or this older tree, to this root."""

    def __init__(self) -> None:
        super().__init__("The log's proof was refused: it does not lead to this root.")


class RandomnessError(CryptoError):
    """The randomness handed in repeats itself, so no key may be made from its source."""
