"""Bringing an agency's root back: from its own 24 words, or from m custodians and a file.

A custodian makes words of their own, on any machine, and gives away the public key that follows
from them. The recovery file is no secret: it holds the root seed sealed to every choice of m
custodians, and may lie in more places than one. It takes m people and the file.

Rules: words are matched to the custodians of
the file before any box is opened, so that a refusal says whose words are wrong, by number, and
never which words. The seed counts only if the root key that the file names follows from it.

Spec: docs/spec/keys.md, "Recovery".
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from quietway.ambient import SystemEntropy
from quietway.errors import ContentRefused, RecoveryFileRefused, TooFewCustodians, WordsRefused
from quietway.recovery_file import RecoveryBox, RecoveryFile
from quietway_crypto.encoding import decode_base64, encode_base64
from quietway_crypto.errors import CryptoError, EncodingError, OpenError, WordsRefusedError
from quietway_crypto.recovery import (
    CustodianKey,
    check_custodians,
    derive_custodian_key,
    list_choices,
    open_with_custodians,
    seal_to_custodians,
)
from quietway_crypto.signing import SigningKey
from quietway_crypto.words import SEED_BYTES, seed_to_words, words_to_seed

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from quietway.ports import Entropy
    from quietway_crypto.secret import Secret
    from quietway_schemas.ids import AgencyId

VERSION: Final = 1
_PREFIX: Final = "quietway-custodian:"


@dataclass(frozen=True, slots=True)
class Custodian:
    """A custodian as made on their own machine.

    Attributes:
        key: The public key as text: hand it to the agency. It is no secret.
        words: The 24 words, for their own sheet alone.
    """

    key: str
    words: tuple[str, ...] = field(repr=False)


def make_custodian(entropy: Entropy | None = None) -> Custodian:
    """Draw the words of a new custodian, on their own machine; no store is needed.

    Args:
        entropy: Other randomness than the system's, for tests.
    """
    seed = (entropy or SystemEntropy()).draw(SEED_BYTES)
    public = derive_custodian_key(seed).public
    return Custodian(_PREFIX + encode_base64(public), seed_to_words(seed))


def read_custodian(text: str) -> bytes:
    """Read the public key of a custodian, as `make_custodian` wrote it.

    Raises:
        WordsRefused: It is no custodian's key.
    """
    body = text.strip()
    try:
        if not body.startswith(_PREFIX):
            raise EncodingError(_PREFIX)
        public = decode_base64(body.removeprefix(_PREFIX))
        check_custodians([public], 1)
    except CryptoError:
        raise WordsRefused(
            "This is no custodian's key: it begins with quietway-custodian: and is one line."
        ) from None
    return public


def make_recovery_file(
    *,
    agency_id: AgencyId,
    agency_code: str,
    root: Secret,
    custodians: Iterable[bytes],
    threshold: int,
) -> RecoveryFile:
    """Seal an agency's root seed so that any `threshold` of the custodians bring it back.

    Args:
        agency_id: Whose.
        agency_code: Its code.
        root: The root seed.
        custodians: Their public keys, in any order.
        threshold: How many it takes.

    Raises:
        ContentRefused: The numbers make no sense, or somebody is named twice.
    """
    row = tuple(sorted(custodians))
    try:
        boxes = seal_to_custodians(root, row, threshold)
    except CryptoError:
        raise ContentRefused(
            "custodians", "are 1 to 7 different people, and it takes at most all of them."
        ) from None
    return RecoveryFile(
        agency_id=agency_id,
        agency_code=agency_code,
        custodians=row,
        root_key=SigningKey(root).public,
        threshold=threshold,
        boxes=tuple(
            RecoveryBox(who=who, box=box)
            for who, box in zip(list_choices(len(row), threshold), boxes, strict=True)
        ),
        version=VERSION,
    )


def open_recovery_file(
    file: RecoveryFile, words: Sequence[str], *, agency_code: str | None = None
) -> Secret:
    """Bring the root seed back.

    Args:
        file: As read.
        words: The 24 words of each person, in any order; more people than it takes do no harm.
        agency_code: Whose file it must be; None where that is not known.

    Returns:
        The root seed, which the file's root key follows from.

    Raises:
        WordsRefused: Words that are not whole, of nobody in this file, or given twice; `person`
            says whose.
        TooFewCustodians: It takes more people.
        RecoveryFileRefused: `altered`: a box or the root key was. `other_agency`.
    """
    if agency_code is not None and file.agency_code != agency_code:
        raise RecoveryFileRefused("other_agency")
    keys = _match(file, words)
    if len(keys) < file.threshold:
        raise TooFewCustodians(file.threshold, len(keys))
    who = tuple(sorted(keys)[: file.threshold])
    box = next(held.box for held in file.boxes if held.who == who)
    try:
        root = open_with_custodians(box, [keys[place] for place in who])
    except OpenError:
        raise RecoveryFileRefused("altered") from None
    check_root(root, file.root_key)
    return root


def read_root_words(text: str, root_key: bytes) -> Secret:
    """Read an agency's own 24 words, and hold them to the root key that is known.

    Raises:
        WordsRefused: Not whole, or not the words of this root key.
    """
    root = _read(text, person=None)
    try:
        check_root(root, root_key)
    except RecoveryFileRefused:
        raise WordsRefused(
            "These are 24 good words, and not those of this agency's root: look for its sheet."
        ) from None
    return root


def read_seed_words(text: str) -> Secret:
    """Read 24 words whose key is not known beforehand.

    Raises:
        WordsRefused: Not whole.
    """
    return _read(text, person=None)


def check_root(root: Secret, root_key: bytes) -> None:
    """Refuse a seed from which another root key follows.

    Raises:
        RecoveryFileRefused: `altered`.
    """
    if len(root.reveal()) != SEED_BYTES or SigningKey(root).public != root_key:
        raise RecoveryFileRefused("altered")


def _match(file: RecoveryFile, words: Sequence[str]) -> dict[int, CustodianKey]:
    keys: dict[int, CustodianKey] = {}
    for person, text in enumerate(words, start=1):
        key = derive_custodian_key(_read(text, person=person))
        if key.public not in file.custodians:
            raise WordsRefused("They are no custodian's of this recovery file.", person=person)
        place = file.custodians.index(key.public)
        if place in keys:
            raise WordsRefused("They were given before, by the same custodian.", person=person)
        keys[place] = key
    return keys


def _read(text: str, *, person: int | None) -> Secret:
    try:
        return words_to_seed(text)
    except WordsRefusedError as refused:
        sentence, number = str(refused), refused.number
    raise WordsRefused(sentence, number=number, person=person)
