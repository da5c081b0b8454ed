"""What is said in a part of a DOCX: kept as far as it is seen, and nothing besides.

Theory of operation: an element or attribute stays when its vocabulary is known. Within the
vocabulary of Word a table says what goes with all that is in it, and what goes while its content
stays. Whatever points elsewhere keeps its pointer only where the new package has the target.

Spec: docs/spec/cleaning.md, "DOCX". Source: ECMA-376, part 1, chapter 17.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from lxml import etree

from quietway.cleaning.worker.xml import drop, unwrap

if TYPE_CHECKING:
    from collections.abc import Mapping

_FORMATS: Final = "http://schemas.openxmlformats.org/"
_OFFICE: Final = "http://schemas.microsoft.com/office/word/2010/"
W: Final = f"{_FORMATS}wordprocessingml/2006/main"
R: Final = f"{_FORMATS}officeDocument/2006/relationships"
A: Final = f"{_FORMATS}drawingml/2006/main"
PIC: Final = f"{_FORMATS}drawingml/2006/picture"
MC: Final = f"{_FORMATS}markup-compatibility/2006"
KNOWN: Final[Mapping[str, str]] = MappingProxyType(
    {
        "w": W,
        "r": R,
        "a": A,
        "pic": PIC,
        "mc": MC,
        "wp": f"{_FORMATS}drawingml/2006/wordprocessingDrawing",
        "m": f"{_FORMATS}officeDocument/2006/math",
        "wps": f"{_OFFICE}wordprocessingShape",
        "wpg": f"{_OFFICE}wordprocessingGroup",
        "wpc": f"{_OFFICE}wordprocessingCanvas",
    }
)
_XML: Final = "http://www.w3.org/XML/1998/namespace"
_PREFIX_OF: Final = {uri: prefix for prefix, uri in KNOWN.items()}

_GONE: Final[Mapping[str, str]] = MappingProxyType(
    {
        **dict.fromkeys(("del", "moveFrom", "delText", "delInstrText"), "tracked_changes"),
        **dict.fromkeys(
            ("rPrChange", "pPrChange", "sectPrChange", "tblPrChange", "tblPrExChange"),
            "tracked_changes",
        ),
        **dict.fromkeys(
            ("trPrChange", "tcPrChange", "tblGridChange", "numberingChange"), "tracked_changes"
        ),
        **dict.fromkeys(("cellIns", "cellDel", "cellMerge"), "tracked_changes"),
        **dict.fromkeys(
            ("moveFromRangeStart", "moveFromRangeEnd", "moveToRangeStart", "moveToRangeEnd"),
            "tracked_changes",
        ),
        **dict.fromkeys(
            ("commentRangeStart", "commentRangeEnd", "commentReference", "annotationRef"),
            "comments",
        ),
        **dict.fromkeys(("object", "control", "pict", "altChunk", "subDoc", "movie"), "embedded"),
        **dict.fromkeys(("instrText", "fldChar", "fldData", "ffData"), "links"),
        **dict.fromkeys(("bookmarkStart", "bookmarkEnd", "permStart", "permEnd"), ""),
        **dict.fromkeys(("proofErr", "nsid", "tmpl", "rsid", "aliases", "numPicBullet"), ""),
        **dict.fromkeys(("sdtPr", "sdtEndPr", "smartTagPr", "customXmlPr"), "custom_data"),
        **dict.fromkeys(
            ("customXmlInsRangeStart", "customXmlInsRangeEnd", "customXmlDelRangeStart"), ""
        ),
        **dict.fromkeys(("customXmlDelRangeEnd", "attachedTemplate", "mailMerge"), ""),
        **dict.fromkeys(("printerSettings", "docPartObj", "lvlPicBulletId", "webHidden"), ""),
    }
)
"""Words of Word that go with all that is in them, and the code under which that is told."""
_OPENED: Final[Mapping[str, str]] = MappingProxyType(
    {
        "ins": "tracked_changes",
        "moveTo": "tracked_changes",
        "hyperlink": "links",
        "fldSimple": "links",
        "smartTag": "custom_data",
        "customXml": "custom_data",
        "sdt": "custom_data",
        "sdtContent": "",
    }
)
"""Words that go while what is in them stays."""
_UNSAID: Final = frozenset({"author", "date", "initials", "docLocation", "tgtFrame", "tooltip"})
_NAMED: Final = frozenset({"docPr", "cNvPr"})
_OF_DRAWINGS_GONE: Final = frozenset({"extLst", "hlinkClick", "hlinkHover", "hlinkMouseOver"})
_OFF: Final = frozenset({"0", "false", "off"})


def scrub(root: etree._Element, hidden: frozenset[str], targets: Mapping[str, str]) -> set[str]:
    """Take out of a part whatever is not seen.

    Args:
        root: Of the part; it is changed.
        hidden: The styles whose text is hidden.
        targets: Which pointers the new package has a target for, and their new names.

    Returns:
        Codes of what was removed.
    """
    removed: set[str] = set()
    left = [root]
    while left:
        left.extend(_judge(left.pop(), hidden, targets, removed))
    for drawing in list(root.iter(f"{{{W}}}drawing")):
        if not _is_whole(drawing):
            removed.add("embedded")
            drop(drawing)
    return removed


def rebuild_root(root: etree._Element) -> etree._Element:
    """Give a part a new root, which declares the known vocabularies and nothing else."""
    made = etree.Element(root.tag, nsmap=dict(KNOWN))
    for name, value in root.attrib.items():
        if _splits(name)[0] == W:
            made.set(name, value)
    made.extend(list(root))
    return made


def list_hidden_styles(styles: etree._Element) -> frozenset[str]:
    """List the styles whose text is hidden, by themselves or by what they are based on."""
    hidden: set[str] = set()
    bases: dict[str, str] = {}
    for style in styles.iter(f"{{{W}}}style"):
        name = style.get(f"{{{W}}}styleId", "")
        base = style.find(f"{{{W}}}basedOn")
        bases[name] = "" if base is None else base.get(f"{{{W}}}val", "")
        if _is_hidden(style.find(f"{{{W}}}rPr")):
            hidden.add(name)
    for _ in range(16):
        hidden |= {name for name, base in bases.items() if base in hidden}
    return frozenset(hidden)


def read_words(root: etree._Element) -> str:
    """Read what a part says, a paragraph on each line."""
    words: list[str] = []
    for element in root.iter(f"{{{W}}}t", f"{{{W}}}p", f"{{{W}}}tab", f"{{{W}}}br", f"{{{W}}}cr"):
        kind = _splits(element.tag)[1]
        words.append((element.text or "") if kind == "t" else " " if kind == "tab" else "\n")
    return "".join(words).strip()


def _judge(
    element: etree._Element, hidden: frozenset[str], targets: Mapping[str, str], removed: set[str]
) -> list[etree._Element]:
    """Judge one element; returns those that are judged next."""
    vocabulary, word = _splits(element.tag)
    within = list(element)
    if vocabulary == W and word in _GONE:
        _drop_with_row(element)
        removed.add(_GONE[word])
        return []
    if vocabulary == W and word in _OPENED:
        unwrap(element)
        removed.add(_OPENED[word])
        return within
    if vocabulary == W and word == "r" and _is_hidden_run(element, hidden):
        removed.add("hidden_text")
        drop(element)
        return []
    if vocabulary == MC:
        return _choose(element)
    if vocabulary not in _PREFIX_OF or word in _OF_DRAWINGS_GONE:
        drop(element)
        return []
    return within if _scrub_attributes(element, targets) else []


def _drop_with_row(element: etree._Element) -> None:
    """Drop an element; of a row's properties, that it was deleted drops the row."""
    parent = element.getparent()
    row = None if parent is None else parent.getparent()
    if element.tag == f"{{{W}}}del" and parent is not None and parent.tag == f"{{{W}}}trPr":
        drop(row if row is not None else parent)
    else:
        drop(element)


def _choose(element: etree._Element) -> list[etree._Element]:
    """Of content in several vocabularies, keep the first that is known."""
    chosen = next((choice for choice in element if _is_known_choice(choice)), None)
    for choice in list(element):
        if choice is not chosen:
            drop(choice)
    within = [] if chosen is None else list(chosen)
    if chosen is not None:
        unwrap(chosen)
    unwrap(element)
    return within


def _is_known_choice(choice: etree._Element) -> bool:
    asked = choice.get("Requires", "").split()
    if _splits(choice.tag) == (MC, "Fallback"):
        return True
    return bool(asked) and all(choice.nsmap.get(prefix) in _PREFIX_OF for prefix in asked)


def _scrub_attributes(element: etree._Element, targets: Mapping[str, str]) -> bool:
    """Scrub an element's attributes; returns whether the element stays."""
    of_word = _splits(element.tag)[0] == W
    for name, value in list(element.attrib.items()):
        vocabulary, word = _splits(name)
        if vocabulary == R:
            if value in targets:
                element.set(name, targets[value])
            elif of_word:
                drop(element)
                return False
            else:
                del element.attrib[name]
        elif (
            vocabulary not in {"", W, _XML}
            or word.startswith("rsid")
            or word in _UNSAID
            or word in {"descr", "title"}
        ):
            del element.attrib[name]
    if _splits(element.tag)[1] in _NAMED:
        element.set("name", "")
    return True


def _is_hidden_run(run: etree._Element, hidden: frozenset[str]) -> bool:
    own = run.find(f"{{{W}}}rPr")
    if _is_hidden(own):
        return True
    styled = [] if own is None else own.findall(f"{{{W}}}rStyle")
    paragraph = next(run.iterancestors(f"{{{W}}}p"), None)
    if paragraph is not None:
        styled += paragraph.findall(f"{{{W}}}pPr/{{{W}}}pStyle")
    return any(style.get(f"{{{W}}}val") in hidden for style in styled)


def _is_hidden(properties: etree._Element | None) -> bool:
    if properties is None:
        return False
    marks = properties.findall(f"{{{W}}}vanish") + properties.findall(f"{{{W}}}specVanish")
    return any(mark.get(f"{{{W}}}val", "1") not in _OFF for mark in marks)


def _is_whole(drawing: etree._Element) -> bool:
    """Say whether a drawing still has what it draws."""
    if any(blip.get(f"{{{R}}}embed") is None for blip in drawing.iter(f"{{{A}}}blip")):
        return False
    holders = list(drawing.iter(f"{{{A}}}graphicData"))
    return bool(holders) and all(len(holder) for holder in holders)


def _splits(name: str) -> tuple[str, str]:
    uri, _, word = name[1:].partition("}") if name.startswith("{") else ("", "", name)
    return uri, word
