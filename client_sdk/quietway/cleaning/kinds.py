"""The kinds of file that are cleaned, and how a file's first bytes tell its kind.

A name and a media type are claims; the first bytes decide, and where a claim differs the file is
refused, since the program that opens it would go by the claim.

Spec: docs/spec/cleaning.md, "Kinds".
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of file.

    Attributes:
        media_type: As it is sent.
        endings: Of names, without the full stop, in lower case; the first is given to new names.
        also: Other media types under which it may be announced.
    """

    media_type: str
    endings: tuple[str, ...]
    also: tuple[str, ...] = ()


_DOCX: Final = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
KINDS: Final[Mapping[str, Kind]] = MappingProxyType(
    {
        "jpeg": Kind("image/jpeg", ("jpg", "jpeg", "jpe", "jfif"), ("image/jpg", "image/pjpeg")),
        "png": Kind("image/png", ("png",)),
        "webp": Kind("image/webp", ("webp",)),
        "heic": Kind("image/heic", ("heic", "heif", "hif"), ("image/heif", "image/heic-sequence")),
        "avif": Kind("image/avif", ("avif",)),
        "tiff": Kind("image/tiff", ("tif", "tiff"), ("image/tif",)),
        "pdf": Kind("application/pdf", ("pdf",), ("application/x-pdf",)),
        "docx": Kind(_DOCX, ("docx",)),
        "text": Kind("text/plain", ("txt", "text", "log")),
        "csv": Kind("text/csv", ("csv", "tsv"), ("text/tab-separated-values", "text/plain")),
        "markdown": Kind("text/markdown", ("md", "markdown"), ("text/x-markdown", "text/plain")),
    }
)
"""By the code that the two processes call it."""
TEXTS: Final = frozenset({"text", "csv", "markdown"})
UNSAID: Final = frozenset({"", "application/octet-stream", "binary/octet-stream"})
"""Media types that claim nothing."""

_BRANDS: Final = MappingProxyType(
    {
        "heic": frozenset({b"heic", b"heix", b"heim", b"heis", b"mif1", b"msf1", b"hevc", b"hevx"}),
        "avif": frozenset({b"avif"}),
    }
)
_MAGIC: Final = (
    (b"\xff\xd8\xff", "jpeg"),
    (b"\x89PNG\r\n\x1a\n", "png"),
    (b"II*\0", "tiff"),
    (b"MM\0*", "tiff"),
    (b"%PDF-", "pdf"),
    (b"PK\x03\x04", "zip"),
)
_REFUSED: Final = (
    (b"GIF8", "moving"),
    (b"\x1aE\xdf\xa3", "moving"),
    (b"ID3", "moving"),
    (b"OggS", "moving"),
    (b"fLaC", "moving"),
    (b"FLV\x01", "moving"),
    (b"\0\0\x01\xba", "moving"),
    (b"\0\0\x01\xb3", "moving"),
    (b"\xff\xfb", "moving"),
    (b"\xff\xf3", "moving"),
    (b"\xff\xf1", "moving"),
    (b"0&\xb2u", "moving"),
    (b"#!AMR", "moving"),
    (b"\x1f\x8b", "archive"),
    (b"BZh", "archive"),
    (b"\xfd7zXZ\0", "archive"),
    (b"7z\xbc\xaf\x27\x1c", "archive"),
    (b"Rar!", "archive"),
    (b"\x28\xb5\x2f\xfd", "archive"),
    (b"PK\x05\x06", "archive"),
    (b"PK\x07\x08", "archive"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "office"),
    (b"{\\rtf", "office"),
)
_TAR_AT: Final = 257


def tell_kind(head: bytes) -> tuple[str, str]:
    """Tell a file's kind by its first bytes.

    Args:
        head: At least its first 512 bytes, or the whole of a shorter one.

    Returns:
        The kind (`zip` where its parts decide, `words` where it may be plain text) and an empty
        reason; or an empty kind and why such a file is refused.
    """
    for magic, kind in _MAGIC:
        if head.startswith(magic):
            return kind, ""
    for magic, reason in _REFUSED:
        if head.startswith(magic):
            return "", reason
    if head[:4] == b"RIFF":
        return ("webp", "") if head[8:12] == b"WEBP" else ("", "moving")
    if head[4:8] == b"ftyp":
        return _tell_brand(head[8:12])
    if head[_TAR_AT : _TAR_AT + 5] == b"ustar":
        return "", "archive"
    return "words", ""


def _tell_brand(brand: bytes) -> tuple[str, str]:
    for kind, brands in _BRANDS.items():
        if brand in brands:
            return kind, ""
    return "", "moving"


def tell_text(ending: str, media_type: str) -> str | None:
    """Tell which kind of text is claimed; None where something else is."""
    for kind in sorted(TEXTS):
        if ending in KINDS[kind].endings:
            return kind
    if ending:
        return None
    for kind in sorted(TEXTS, reverse=True):
        if media_type == KINDS[kind].media_type:
            return kind
    return "text" if media_type in UNSAID else None


def agrees(kind: str, ending: str, media_type: str) -> bool:
    """Say whether a name's ending and a media type claim what the bytes are, or claim nothing."""
    told = KINDS[kind]
    return (not ending or ending in told.endings) and (
        media_type in UNSAID or media_type in {told.media_type, *told.also}
    )
