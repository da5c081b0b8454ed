"""A sheet of 24 words to print and lock away, as plain text and as one page of HTML.

The words stand on it once, numbered, with what tells one sheet from another (the agency, the
fingerprint of its root key, the day) and with what to do. Nothing secret stands elsewhere: not in
a title, not in a name of a file, not in a comment.

Rules: the page loads nothing, runs nothing and links nowhere, so that it looks the same on a
machine that was never online. Pure: text comes out, and whoever prints it answers for the file.

Spec: docs/spec/keys.md, "Recovery".
"""

from __future__ import annotations

from dataclasses import dataclass, field
from html import escape
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from quietway.fingerprint import show_fingerprint, show_words
from quietway_schemas.instants import to_text

if TYPE_CHECKING:
    from quietway_schemas.ids import AgencyId
    from quietway_schemas.instants import Instant

SheetKind: TypeAlias = Literal["root", "custodian", "backup"]

COLUMNS: Final = 4
_DAY_CHARACTERS: Final = 10
_TITLES: Final = {
    "root": "Recovery words of the agency",
    "custodian": "Recovery words of one custodian",
    "backup": "Words of a backup",
}
_INSTRUCTIONS: Final = {
    "root": (
        "These words are the agency's root key. Whoever has them can speak for the agency.",
        "Print or write this sheet twice. Lock the two away in different places.",
        "Never photograph it, never type it into anything but quietway, and never send it.",
        "Delete the file that it was printed from, and empty the printer's queue.",
        "If a sheet is lost or was seen, call your partners: the agency must found itself anew.",
    ),
    "custodian": (
        "These words are one custodian's own. By themselves they open nothing.",
        "It takes several custodians, and the agency's recovery file.",
        "Keep this sheet where you keep your own papers, and not at the agency.",
        "Give the words to nobody: you type them yourself, when you are asked to in person.",
        "If the sheet is lost or was seen, tell the agency: it names its custodians anew.",
    ),
    "backup": (
        "These words open the backup of this day, together with the device's passphrase.",
        "Keep this sheet away from the file and away from the machine.",
        "A backup is restored where the former machine is gone. The two never run together.",
        "What has expired by then stays gone.",
    ),
}
_STYLE: Final = (
    "@page{margin:18mm}"
    "body{font:11pt/1.4 serif;max-width:170mm;margin:auto;color:#000;background:#fff}"
    "h1{font-size:17pt;margin:0 0 4mm}"
    "dl{display:grid;grid-template-columns:max-content auto;gap:1mm 5mm;margin:0 0 6mm}"
    "dt{font-weight:bold}dd{margin:0}"
    f"ol.words{{columns:{COLUMNS};font:12pt/1.9 monospace;border:1px solid #000;"
    "padding:4mm 4mm 4mm 12mm;margin:0 0 6mm}"
    "ul{padding-left:5mm}"
)


@dataclass(frozen=True, slots=True)
class RecoverySheet:
    """What stands on a sheet. It prints without its words.

    Attributes:
        kind: `root`, `custodian` or `backup`.
        agency_code: The agency's code, as `HARBOR`.
        agency_id: The agency: whoever brings it back types this id. A custodian's own machine does
            not know it; it and the next two are None there.
        relay: Its relay's address.
        root_key: Its root public key; shown as its fingerprint.
        at: When the words were made.
        words: The 24 words.
    """

    kind: SheetKind
    agency_code: str
    at: Instant
    words: tuple[str, ...] = field(repr=False)
    agency_id: AgencyId | None = None
    relay: str | None = None
    root_key: bytes | None = None

    def to_text(self) -> str:
        """Write the sheet as plain text, 24 lines of words among it."""
        facts = [f"{name}: {value}" for name, value in self._facts()]
        words = [f"{number:>2}. {word}" for number, word in enumerate(self.words, start=1)]
        steps = [f"- {step}" for step in _INSTRUCTIONS[self.kind]]
        return "\n".join([_TITLES[self.kind], "", *facts, "", *words, "", *steps, ""])

    def to_html(self) -> str:
        """Write the sheet as one page that stands by itself."""
        facts = "".join(f"<dt>{escape(name)}<dd>{escape(value)}" for name, value in self._facts())
        words = "".join(f"<li>{escape(word)}" for word in self.words)
        steps = "".join(f"<li>{escape(step)}" for step in _INSTRUCTIONS[self.kind])
        title = escape(_TITLES[self.kind])
        return (
            '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8">'
            '<meta http-equiv="Content-Security-Policy" '
            "content=\"default-src 'none'; style-src 'unsafe-inline'\">"
            f"<title>{title}</title><style>{_STYLE}</style></head><body>"
            f'<h1>{title}</h1><dl>{facts}</dl><ol class="words">{words}</ol><ul>{steps}</ul>'
            "</body></html>\n"
        )

    def _facts(self) -> tuple[tuple[str, str], ...]:
        facts = [("Agency", self.agency_code)]
        if self.agency_id is not None:
            facts.append(("Agency id", str(self.agency_id)))
        if self.relay is not None:
            facts.append(("Relay", self.relay))
        if self.root_key is not None:
            facts.append(("Fingerprint", show_fingerprint(self.root_key)))
            facts.append(("Fingerprint in words", show_words(self.root_key)))
        return (*facts, ("Made on", to_text(self.at)[:_DAY_CHARACTERS]))
