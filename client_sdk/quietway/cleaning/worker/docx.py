"""A DOCX: a new package, with the parts that are read and the pictures that are seen.

Spec: docs/spec/cleaning.md, "DOCX". Source: ECMA-376, part 2 (packages).
"""

from __future__ import annotations

import io
import posixpath
import zipfile
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from lxml import etree

from quietway.cleaning.kinds import KINDS, tell_kind
from quietway.cleaning.worker import pictures
from quietway.cleaning.worker.package import (
    MOST_MEDIA_BYTES,
    MOST_XML_BYTES,
    open_package,
    unpack,
)
from quietway.cleaning.worker.result import Refused, Result
from quietway.cleaning.worker.story import (
    R,
    W,
    list_hidden_styles,
    read_words,
    rebuild_root,
    scrub,
)
from quietway.cleaning.worker.xml import parse_xml, write_xml

if TYPE_CHECKING:
    from collections.abc import Iterator

    from quietway.cleaning.worker.result import Progress

_DOCUMENT: Final = "word/document.xml"
_PACKAGE: Final = "http://schemas.openxmlformats.org/package/2006"
_RELATIONS: Final = f"{_PACKAGE}/relationships"
_WORD: Final = "application/vnd.openxmlformats-officedocument.wordprocessingml"
_TYPES: Final = {
    "document": f"{_WORD}.document.main+xml",
    "header": f"{_WORD}.header+xml",
    "footer": f"{_WORD}.footer+xml",
    "footnotes": f"{_WORD}.footnotes+xml",
    "endnotes": f"{_WORD}.endnotes+xml",
    "styles": f"{_WORD}.styles+xml",
    "numbering": f"{_WORD}.numbering+xml",
    "theme": "application/vnd.openxmlformats-officedocument.theme+xml",
}
"""The parts that are kept, by the last word of the relation that leads to them."""
_IMAGE: Final = "image"
_SHOWN_AS: Final = {"jpeg": "jpeg", "png": "png", "tiff": "tiff"}
_LEFT: Final = (
    ("docProps/thumbnail", "thumbnail"),
    ("docProps/", "properties"),
    ("word/comments", "comments"),
    ("word/people", "comments"),
    ("customXml/", "custom_data"),
    ("word/embeddings/", "embedded"),
    ("word/charts/", "embedded"),
    ("word/diagrams/", "embedded"),
    ("word/activeX/", "embedded"),
)
_DATE: Final = (1980, 1, 1, 0, 0, 0)


@dataclass(slots=True)
class _New:
    """A package in the making: its parts, and who points to whom."""

    source: zipfile.ZipFile
    parts: dict[str, bytes] = field(default_factory=dict)
    types: dict[str, str] = field(default_factory=dict)
    media: dict[str, str] = field(default_factory=dict)
    removed: set[str] = field(default_factory=set)
    texts: list[str] = field(default_factory=list)
    hidden: frozenset[str] = frozenset()


def clean(kind: str, content: bytes, progress: Progress) -> Result:
    """Clean a DOCX.

    Raises:
        Refused: It is broken, or too large inside.
    """
    with open_package(content) as package:
        new = _New(package)
        for name in package.namelist():
            new.removed |= {code for begins, code in _LEFT if name.startswith(begins)}
        relations = list(_read_relations(package, _DOCUMENT))
        for kind_of, _, target in relations:
            if kind_of == "styles":
                new.hidden = list_hidden_styles(_read(package, target))
        _carry(new, "document", _DOCUMENT, progress)
    new.parts["_rels/.rels"] = _write_relations([("document", "r1", _DOCUMENT)])
    new.parts["[Content_Types].xml"] = _write_types(new)
    return Result(kind, _pack(new.parts), frozenset(new.removed) - {""}, tuple(new.texts))


def _carry(new: _New, kind: str, name: str, progress: Progress) -> None:
    """Carry a part, and what it points to, into the new package."""
    root = _read(new.source, name)
    if kind == "document" and root.tag != f"{{{W}}}document":
        raise Refused("office")
    new.types[name] = _TYPES[kind]
    kept: list[tuple[str, str, str]] = []
    ids: dict[str, str] = {}
    relations = list(_read_relations(new.source, name))
    for done, (kind_of, identifier, target) in enumerate(relations):
        if carried := _carry_target(new, kind_of, target, progress):
            ids[identifier] = f"r{len(kept) + 1}"
            kept.append((kind_of, ids[identifier], carried))
        if kind == "document":
            progress(done + 1, len(relations))
    new.removed |= scrub(root, new.hidden, ids)
    made = rebuild_root(root)
    new.texts.append(read_words(made))
    new.parts[name] = write_xml(made)
    if kept:
        new.parts[_relations_of(name)] = _write_relations(kept, within=posixpath.dirname(name))


def _carry_target(new: _New, kind: str, target: str, progress: Progress) -> str:
    """Carry what a relation leads to; returns its name in the new package, or nothing."""
    if kind == _IMAGE and target:
        return _carry_picture(new, target, progress)
    if kind == "hyperlink" or not target:
        new.removed.add("links")
    if kind not in _TYPES or kind == "document" or target not in new.source.NameToInfo:
        return ""
    if target not in new.types:
        _carry(new, kind, target, progress)
    return target


def _carry_picture(new: _New, target: str, progress: Progress) -> str:
    if target in new.media or target not in new.source.NameToInfo:
        return new.media.get(target, "")
    content = unpack(new.source, target, MOST_MEDIA_BYTES)
    kind, _ = tell_kind(content)
    new.media[target] = ""
    if kind not in _SHOWN_AS:
        new.removed.add("embedded")
        return ""
    cleaned = pictures.clean(kind, content, progress)
    new.removed |= cleaned.removed
    new.texts.extend(cleaned.texts)
    name = f"word/media/image{len(new.media)}.{_SHOWN_AS[cleaned.kind]}"
    new.media[target] = name
    new.parts[name] = cleaned.content
    return name


def _read(package: zipfile.ZipFile, name: str) -> etree._Element:
    return parse_xml(unpack(package, name, MOST_XML_BYTES))


def _relations_of(name: str) -> str:
    return f"{posixpath.dirname(name)}/_rels/{posixpath.basename(name)}.rels"


def _read_relations(package: zipfile.ZipFile, name: str) -> Iterator[tuple[str, str, str]]:
    """Read what a part points to: the kind, the pointer, and the part (empty if elsewhere)."""
    if _relations_of(name) not in package.NameToInfo:
        return
    for relation in _read(package, _relations_of(name)).iter(f"{{{_RELATIONS}}}Relationship"):
        target = relation.get("Target", "")
        inside = relation.get("TargetMode", "Internal") == "Internal"
        path = posixpath.normpath(posixpath.join("/", posixpath.dirname(name), target))[1:]
        kind = relation.get("Type", "").rpartition("/")[2]
        yield kind, relation.get("Id", ""), path if inside else ""


def _write_relations(relations: list[tuple[str, str, str]], within: str = "") -> bytes:
    root = etree.Element(f"{{{_RELATIONS}}}Relationships", nsmap={None: _RELATIONS})
    for kind, identifier, target in relations:
        etree.SubElement(
            root,
            f"{{{_RELATIONS}}}Relationship",
            Id=identifier,
            Type=f"{R}/{'officeDocument' if kind == 'document' else kind}",
            Target=posixpath.relpath(target, within) if within else target,
        )
    return write_xml(root)


def _write_types(new: _New) -> bytes:
    of_types = f"{_PACKAGE}/content-types"
    root = etree.Element(f"{{{of_types}}}Types", nsmap={None: of_types})
    endings = {"rels": "application/vnd.openxmlformats-package.relationships+xml"}
    endings |= {ending: KINDS[kind].media_type for kind, ending in _SHOWN_AS.items()}
    for ending, media_type in endings.items():
        etree.SubElement(root, f"{{{of_types}}}Default", Extension=ending, ContentType=media_type)
    for name, media_type in new.types.items():
        etree.SubElement(
            root, f"{{{of_types}}}Override", PartName=f"/{name}", ContentType=media_type
        )
    return write_xml(root)


def _pack(parts: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as package:
        first = "[Content_Types].xml"
        for name in [first, *(name for name in sorted(parts) if name != first)]:
            entry = zipfile.ZipInfo(name, _DATE)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.create_system = 0
            package.writestr(entry, parts[name])
    return out.getvalue()
