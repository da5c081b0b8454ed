"""A page for a survivor: headings and plain sentences, as text and as HTML that loads nothing.

Spec: docs/spec/consent.md, "The report".
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape
from typing import TYPE_CHECKING, Final

from quietway_schemas.codebook.lists import entries
from quietway_schemas.instants import SECOND
from quietway_schemas.locale import is_awaiting_translator, say, translate_label

if TYPE_CHECKING:
    from collections.abc import Iterable

    from quietway_schemas.instants import Instant

_STYLE: Final = (
    "body{font:12pt/1.5 sans-serif;max-width:40em;margin:2em auto;padding:0 1em;color:#000;"
    "background:#fff}h2{margin-bottom:.2em}p{margin:.3em 0}@media print{body{margin:0}}"
)


@dataclass(frozen=True, slots=True)
class Section:
    """A heading with what stands under it."""

    heading: str
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Page:
    """A page in one language.

    Attributes:
        language: `en` or `es`.
        title: Its title.
        sections: What it says.
        awaits_translator: Whether a professional translator has yet to read it; it says so itself.
    """

    language: str
    title: str
    sections: tuple[Section, ...]
    awaits_translator: bool

    @property
    def text(self) -> str:
        """The page as plain text."""
        parts = [self.title, *self._notices()]
        for section in self.sections:
            parts += ["", section.heading, *(f"- {line}" for line in section.lines)]
        return "\n".join(parts) + "\n"

    @property
    def html(self) -> str:
        """The page to print: one file, no script, nothing from elsewhere."""
        body = [f"<h1>{escape(self.title)}</h1>"]
        body += [f"<p><em>{escape(notice)}</em></p>" for notice in self._notices()]
        for section in self.sections:
            body.append(f"<h2>{escape(section.heading)}</h2>")
            body += [f"<p>{escape(line)}</p>" for line in section.lines]
        return (
            f'<!doctype html>\n<html lang="{self.language}"><head><meta charset="utf-8">'
            '<meta http-equiv="Content-Security-Policy" '
            "content=\"default-src 'none'; style-src 'unsafe-inline'\">"
            f"<title>{escape(self.title)}</title><style>{_STYLE}</style></head>\n<body>\n"
            + "\n".join(body)
            + "\n</body></html>\n"
        )

    def _notices(self) -> tuple[str, ...]:
        return (say("texts.awaiting_translator", self.language),) if self.awaits_translator else ()


def make_page(language: str, title: str, sections: Iterable[Section]) -> Page:
    """Make a page; `title` is the name of its text."""
    return Page(
        language, say(title, language), tuple(sections), is_awaiting_translator(title, language)
    )


def name_codes(list_name: str, codes: Iterable[str], language: str) -> str:
    """Name codes in words, in the order given."""
    return ", ".join(name_code(list_name, code, language) for code in codes)


def name_code(list_name: str, code: str, language: str) -> str:
    """Name one code in words; the code itself where the list does not have it."""
    known = entries(list_name).get(code)
    if known is None:
        return code
    return (translate_label(list_name, code, language) or known.label).lower()


def name_day(at: Instant) -> str:
    """Name a day, as everybody can read it: 2026-11-27 (UTC)."""
    return datetime.fromtimestamp(at / SECOND, UTC).strftime("%Y-%m-%d")
