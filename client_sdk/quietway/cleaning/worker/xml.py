"""XML of strangers: parsed without document types, entities or network, within limits.

Spec: docs/spec/cleaning.md, "Limits".
"""

from __future__ import annotations

from typing import Final

from lxml import etree

from quietway.cleaning.worker.result import Refused

MOST_MARKS: Final = 500_000
"""Elements, and attributes, of one part: each takes a hundred bytes of memory and more."""


def parse_xml(content: bytes) -> etree._Element:
    """Parse one part.

    Raises:
        Refused: It is broken, has a document type, or far too many elements.
    """
    if (
        b"<!DOCTYPE" in content
        or content.count(b"<") > MOST_MARKS
        or content.count(b"=") > MOST_MARKS
    ):
        raise Refused("too_much_inside")
    parser = etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
    )
    try:
        root = etree.fromstring(content, parser)
    except etree.XMLSyntaxError:
        raise Refused("damaged") from None
    # In another encoding it was not found above.
    if root.getroottree().docinfo.doctype:
        raise Refused("too_much_inside")
    return root


def write_xml(root: etree._Element) -> bytes:
    """Write one part."""
    written: bytes = etree.tostring(root, xml_declaration=True, encoding="UTF-8", standalone=True)
    return written


def drop(element: etree._Element) -> None:
    """Remove an element with all that is in it."""
    parent = element.getparent()
    if parent is not None:
        # White space between elements says nothing in a document; text never stands there.
        parent.remove(element)


def unwrap(element: etree._Element) -> None:
    """Put what is in an element into its place."""
    parent = element.getparent()
    if parent is None:
        return
    at = parent.index(element)
    children = list(element)
    for offset, child in enumerate(children):
        parent.insert(at + offset, child)
    drop(element)
