# ruff: noqa: INP001 - a script beside its vectors, not part of a package
"""Write the vectors of the transparency log: one file, one case, a sentence for a name.

Leaves, trees, paths and notes are made here by hand from docs/spec/transparency-log.md, with the
recursive formulas of RFC 6962, which the product does not use. Of the product's crypto only the
signing is used. Everything is made from fixed labels: running this again changes nothing.

    python crypto/vectors/make_log_vectors.py [DIRECTORY]

Spec: docs/spec/transparency-log.md.
"""

from __future__ import annotations

import base64
import hashlib
import json
import sys
from pathlib import Path
from typing import Final, TypeAlias

from quietway_crypto.signing import SigningKey

Vector: TypeAlias = "dict[str, object]"
SIZE: Final = 11
REMOVED_AT: Final = 9


def fix(label: str, length: int = 32) -> bytes:
    """Make bytes that look random and are the same each time."""
    return hashlib.sha256(f"quietway log vectors: {label}".encode()).digest()[:length]


KEY: Final = SigningKey(fix("log key's seed"))
STRANGER: Final = SigningKey(fix("another log key's seed"))


def make_opening(index: int, label: str = "") -> Vector:
    """Make what a leaf says; one of them removes an agency."""
    removes = index == REMOVED_AT
    return {
        "kind": 2 if removes else 1,
        "nonce": fix(f"nonce {index}").hex(),
        "agency": fix(f"agency {index % 3}", 16).hex(),
        "manifest_hash": bytes(32).hex() if removes else fix(f"manifest {index}{label}").hex(),
    }


def hash_opening(opening: Vector) -> bytes:
    """Pack a leaf and hash it."""
    texts = [str(opening[name]) for name in ("nonce", "agency", "manifest_hash")]
    leaf = int(str(opening["kind"])).to_bytes(1, "big") + bytes.fromhex("".join(texts))
    return hashlib.sha256(b"\x00" + leaf).digest()


OPENINGS: Final = [make_opening(index) for index in range(SIZE)]
LEAVES: Final = [hash_opening(opening) for opening in OPENINGS]
FORKED: Final = [*LEAVES[:2], hash_opening(make_opening(2, " on the other face")), *LEAVES[3:]]


def split(count: int) -> int:
    """Give the largest power of two below a count."""
    power = 1
    while power * 2 < count:
        power *= 2
    return power


def root(leaves: list[bytes]) -> bytes:
    """MTH of RFC 6962, 2.1."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    k = split(len(leaves))
    return hashlib.sha256(b"\x01" + root(leaves[:k]) + root(leaves[k:])).digest()


def inclusion(index: int, leaves: list[bytes]) -> list[bytes]:
    """PATH of RFC 6962, 2.1.1."""
    if len(leaves) == 1:
        return []
    k = split(len(leaves))
    if index < k:
        return [*inclusion(index, leaves[:k]), root(leaves[k:])]
    return [*inclusion(index - k, leaves[k:]), root(leaves[:k])]


def consistency(old: int, leaves: list[bytes], *, is_known: bool = False) -> list[bytes]:
    """SUBPROOF of RFC 6962, 2.1.2; its `b` is `is_known`."""
    if old == len(leaves):
        return [] if is_known else [root(leaves)]
    k = split(len(leaves))
    if old <= k:
        return [*consistency(old, leaves[:k], is_known=is_known), root(leaves[k:])]
    return [*consistency(old - k, leaves[k:]), root(leaves[:k])]


def write_note(size: int, tree: bytes, key: SigningKey = KEY, *, written: str = "") -> str:
    """Write a checkpoint; `written` stands in the place of the size."""
    digest = hashlib.sha256(b"DSSEv1 20 quietway/v1/log-name 32 " + key.public).digest()
    name = "quietway.log/" + base64.b32encode(digest[:16]).decode().rstrip("=").lower()
    text = f"{name}\n{written or size}\n{base64.b64encode(tree).decode()}\n"
    key_id = hashlib.sha256(name.encode() + b"\n\x01" + key.public).digest()[:4]
    signature = base64.b64encode(key_id + key.sign_log_text(text.encode())).decode()
    return f"{text}\n\u2014 {name} {signature}\n"


def flip(nodes: list[bytes], at: int) -> list[bytes]:
    """Flip one bit of one node."""
    return [*nodes[:at], bytes([nodes[at][0] ^ 1]) + nodes[at][1:], *nodes[at + 1 :]]


def say_checkpoint(description: str, note: str, refusal: str = "") -> Vector:
    """Describe what comes of a note."""
    return {
        "description": description,
        "what": "checkpoint",
        "log_key": KEY.public.hex(),
        "note": note,
        "refusal": refusal,
    }


def say_inclusion(
    description: str, index: int, path: list[bytes], *, shown: int | None = None
) -> Vector:
    """Describe what comes of an inclusion path; `shown` is the index that is claimed."""
    claimed = index if shown is None else shown
    held = claimed == index and path == inclusion(index, LEAVES)
    return {
        "description": description,
        "what": "inclusion",
        "opening": OPENINGS[index],
        "index": claimed,
        "size": SIZE,
        "path": [node.hex() for node in path],
        "root": root(LEAVES).hex(),
        "refusal": "" if held else "proof",
    }


def say_consistency(
    description: str, old: int, path: list[bytes], refusal: str, leaves: list[bytes] | None = None
) -> Vector:
    """Describe what comes of a consistency path to the head, from the tree of the honest face."""
    return {
        "description": description,
        "what": "consistency",
        "old_size": old,
        "new_size": SIZE,
        "path": [node.hex() for node in path],
        "old_root": root(LEAVES[:old]).hex(),
        "new_root": root(leaves or LEAVES).hex(),
        "refusal": refusal,
    }


NOTE: Final = write_note(SIZE, root(LEAVES))
FOUR: Final = consistency(4, LEAVES)
SEVEN: Final = consistency(7, LEAVES)
SIX: Final = inclusion(6, LEAVES)
CASES: Final[dict[str, Vector]] = {
    "checkpoint-of-an-empty-log-holds": say_checkpoint(
        "No leaves, and the hash of no bytes.", write_note(0, root([]))
    ),
    "checkpoint-of-eleven-leaves-holds": say_checkpoint("Eleven leaves.", NOTE),
    "refused-because-another-log-signed-it": say_checkpoint(
        "It is well signed, by another log's key.",
        write_note(SIZE, root(LEAVES), STRANGER),
        "another_log",
    ),
    "refused-because-the-size-was-altered-after-signing": say_checkpoint(
        "The size was 11.", NOTE.replace("\n11\n", "\n12\n"), "forged"
    ),
    "refused-because-the-size-begins-with-a-zero": say_checkpoint(
        "The size is written as 011, and so it was signed.",
        write_note(SIZE, root(LEAVES), written="011"),
        "malformed",
    ),
    "refused-because-of-a-line-after-the-root": say_checkpoint(
        "C2SP allows extension lines, this page does not; it was signed so.",
        write_note(SIZE, root(LEAVES)).replace("=\n\n", "=\nextension\n\n"),
        "malformed",
    ),
    "refused-because-the-dash-is-a-hyphen": say_checkpoint(
        "The last line begins with U+002D.", NOTE.replace("\u2014", "-"), "malformed"
    ),
    "refused-because-an-empty-log-has-a-root": say_checkpoint(
        "Size 0 with the root of eleven leaves.", write_note(0, root(LEAVES)), "malformed"
    ),
    "inclusion-of-the-first-leaf-holds": say_inclusion("Leaf 0 of 11.", 0, inclusion(0, LEAVES)),
    "inclusion-of-the-last-leaf-holds": say_inclusion(
        "Leaf 10 of 11 has two hashes above it.", 10, inclusion(10, LEAVES)
    ),
    "inclusion-of-a-removal-holds": say_inclusion("Leaf 9 is of kind 2.", 9, inclusion(9, LEAVES)),
    "refused-because-a-hash-of-the-path-was-altered": say_inclusion(
        "One bit of the third hash.", 6, flip(SIX, 2)
    ),
    "refused-because-the-path-is-too-short": say_inclusion(
        "The last hash is missing.", 6, SIX[:-1]
    ),
    "refused-because-the-path-is-too-long": say_inclusion(
        "The last hash stands twice.", 6, [*SIX, SIX[-1]]
    ),
    "refused-because-it-is-at-another-place": say_inclusion(
        "The path of leaf 6 is shown for leaf 7.", 6, SIX, shown=7
    ),
    "consistency-from-four-holds-with-the-old-root-first": say_consistency(
        "Four is a power of two: the path begins with the old root.", 4, FOUR, ""
    ),
    "consistency-from-seven-holds": say_consistency("As the RFC has it.", 7, SEVEN, ""),
    "refused-because-the-old-root-is-left-out": say_consistency(
        "The RFC's own form from a power of two.", 4, FOUR[1:], "proof"
    ),
    "refused-because-a-hash-of-the-consistency-path-was-altered": say_consistency(
        "One bit of the second hash.", 7, flip(SEVEN, 1), "proof"
    ),
    "a-path-of-the-other-face-proves-a-fork": say_consistency(
        "The path computes the new root, and another old root than the one that is held.",
        7,
        consistency(7, FORKED),
        "fork",
        FORKED,
    ),
    "a-path-of-the-other-face-proves-a-fork-from-a-power-of-two": say_consistency(
        "The same from four, where the RFC's form would prove nothing.",
        4,
        consistency(4, FORKED),
        "fork",
        FORKED,
    ),
}


def main() -> None:
    """Write every case into a file."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent / "log"
    for name, vector in CASES.items():
        text = json.dumps(vector, indent=2, ensure_ascii=False) + "\n"
        (folder / f"{name}.json").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
