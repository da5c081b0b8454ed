"""Files that are packages of parts: told apart by their parts, and unpacked within limits.

What a package says of its parts' sizes is a claim. So a part is unpacked piece by piece, and the
whole is refused when one grows beyond what a part may have.

Spec: docs/spec/cleaning.md, "Limits".
"""

from __future__ import annotations

import io
import zipfile
from typing import Final

from quietway.cleaning.worker.result import Refused

MOST_PARTS: Final = 2_000
MOST_XML_BYTES: Final = 8 * 1024 * 1024
MOST_MEDIA_BYTES: Final = 32 * 1024 * 1024
MOST_BYTES: Final = 96 * 1024 * 1024
_ENCRYPTED: Final = 0x1
_OFFICE: Final = ("xl/", "ppt/", "visio/", "META-INF/manifest.xml", "word/vbaProject.bin")


def tell_package(content: bytes) -> str:
    """Tell what a package is by its parts.

    Raises:
        Refused: It is none that is cleaned.
    """
    with open_package(content) as package:
        names = {part.filename for part in package.infolist()}
    if any(name.startswith(_OFFICE) for name in names) or "mimetype" in names:
        raise Refused("office")
    if "word/document.xml" in names and "[Content_Types].xml" in names:
        return "docx"
    raise Refused("archive")


def open_package(content: bytes) -> zipfile.ZipFile:
    """Open a package, whose parts are few and claim no more than is unpacked.

    Raises:
        Refused: It is broken, locked, or too large inside.
    """
    try:
        package = zipfile.ZipFile(io.BytesIO(content))
    except (zipfile.BadZipFile, ValueError, NotImplementedError):
        raise Refused("damaged") from None
    parts = package.infolist()
    if len(parts) > MOST_PARTS or sum(part.file_size for part in parts) > MOST_BYTES:
        raise Refused("too_much_inside")
    if any(part.flag_bits & _ENCRYPTED for part in parts):
        raise Refused("encrypted")
    if len({part.filename for part in parts}) < len(parts):
        # Two parts of one name: each program would read another one.
        raise Refused("damaged")
    return package


def unpack(package: zipfile.ZipFile, name: str, most: int) -> bytes:
    """Unpack one part, of which there may be so many bytes.

    Raises:
        Refused: It is larger.
    """
    with package.open(name) as part:
        content = part.read(most + 1)
    if len(content) > most:
        raise Refused("too_much_inside")
    return content
