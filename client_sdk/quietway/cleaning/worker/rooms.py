"""Which room cleans which kind of file; each is imported only when a file of its kind is here.

Spec: docs/spec/cleaning.md, "Kinds".
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Final

from quietway.cleaning.kinds import KINDS, TEXTS, agrees, tell_kind, tell_text
from quietway.cleaning.worker.result import Refused, Result

if TYPE_CHECKING:
    from collections.abc import Callable

    from quietway.cleaning.worker.result import Progress

_HERE: Final = "quietway.cleaning.worker"
_ROOM_OF: Final = {
    "jpeg": "pictures",
    "png": "pictures",
    "webp": "pictures",
    "heic": "pictures",
    "avif": "pictures",
    "tiff": "pictures",
    "pdf": "pdf",
    "docx": "docx",
    "text": "texts",
    "csv": "texts",
    "markdown": "texts",
}
_HEAD_BYTES: Final = 512


def name_kind(content: bytes, ending: str, media_type: str) -> str:
    """Tell what a file is, and demand that its name and media type say the same.

    Raises:
        Refused: It is of a kind that is not cleaned, or not what it is called.
    """
    kind, reason = tell_kind(content[:_HEAD_BYTES])
    if reason:
        raise Refused(reason)
    if kind == "zip":
        from quietway.cleaning.worker.package import tell_package  # noqa: PLC0415 - few files are

        kind = tell_package(content)
    elif kind == "words":
        claimed = tell_text(ending, media_type)
        if claimed is None:
            known = any(ending in told.endings for told in KINDS.values())
            raise Refused("mislabelled" if known else "unknown_type")
        kind = claimed
    if not agrees(kind, ending, media_type):
        raise Refused("mislabelled")
    return kind


def find_room(kind: str) -> Callable[[str, bytes, Progress], Result]:
    """Import the room for a kind, and whatever it may need."""
    room = import_module(f"{_HERE}.{_ROOM_OF[kind]}")
    clean: Callable[[str, bytes, Progress], Result] = room.clean
    return clean


def clean_content(content: bytes, ending: str, media_type: str, progress: Progress) -> Result:
    """Clean a file: what the process does with it, all in one.

    Raises:
        Refused: With the reason.
    """
    kind = name_kind(content, ending, media_type)
    return clean_as(find_room(kind), kind, content, progress)


def clean_as(
    room: Callable[[str, bytes, Progress], Result], kind: str, content: bytes, progress: Progress
) -> Result:
    """Clean a file of a known kind; whatever a library raises is a refusal.

    Raises:
        Refused: With the reason.
    """
    try:
        return room(kind, content, progress)
    except Refused:
        raise
    except (MemoryError, RecursionError):
        raise Refused("too_much_inside") from None
    except Exception:  # noqa: BLE001 - libraries raise what they like about a broken file
        raise Refused("damaged" if kind not in TEXTS else "not_utf8") from None
