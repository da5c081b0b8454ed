"""Looks through a text or a file as the guard will, and explains each rule. It sends nothing.

What is found here is what would be found before sealing, with rules alone: a device that is open
also goes by its agency's lists (`client.guard.check_text`, `client.guard.check_file`). A file is
cleaned in a place that is removed again, to see what it would lose: in the device's folder where
there is one, where what a crash leaves is removed at the next start.

Rules: nothing is kept, and no finding holds the text: it says the line and the column.

Spec: docs/spec/guard.md, "Findings"; docs/reference/sdk.md, "The guard".
"""

from __future__ import annotations

import asyncio
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from quietway.attaching.sealed_file import Source
from quietway.attaching.staging import forget
from quietway.cleaning.cleaning import clean
from quietway.errors import NotFound
from quietway.guard import rules
from quietway.guard.inspecting import inspect
from quietway.guard.lists import NO_LISTS
from quietway.removed import explain_removed
from quietway_schemas.locale import ENGLISH, say

if TYPE_CHECKING:
    from collections.abc import Iterator

    from quietway.cleaning.cleaned import Cleaned
    from quietway.guard.finding import Action, Field, Finding
    from quietway.guard.lists import Lists

__all__ = [
    "CheckFinding",
    "CheckReport",
    "RuleWords",
    "check_file",
    "check_text",
    "explain_limits",
    "find_rule",
    "list_classes",
]


@dataclass(frozen=True, slots=True)
class CheckFinding:
    """One thing that should not be said, and where it stands.

    Attributes:
        part: `text`, `name` of a file, or `part 2` of a file that has several.
        rule: Id of the rule, `class.name`.
        action: `block`, `hold`, `strip` or `warn`.
        line: Where it begins, counted from 1.
        column: The same, in characters of that line.
        end_line: Where it ends.
        end_column: The column after its last character.
        codes: What says it better, as `list/code` of the codebook.
    """

    part: str
    rule: str
    action: Action
    line: int
    column: int
    end_line: int
    end_column: int
    codes: tuple[str, ...]

    def explain(self, language: str = ENGLISH) -> str:
        """Say what it is, why it could find her, and what to write instead."""
        return say(f"guard.{self.rule}", language)


@dataclass(frozen=True, slots=True)
class CheckReport:
    """What the guard has to say about a text or a file.

    Attributes:
        findings: In the order of the text; those in a file's name first.
        removed: Codes of what a file would lose before it is sent; empty for a text.
    """

    findings: tuple[CheckFinding, ...]
    removed: tuple[str, ...] = ()

    def explain_removed(self, language: str = ENGLISH) -> str:
        """Say what a file would lose, in a language."""
        return explain_removed(self.removed, language)


@dataclass(frozen=True, slots=True)
class RuleWords:
    """A rule as it is taught.

    Attributes:
        id: `class.name`.
        action: What is done about a finding.
        codes: What says it better, as `list/code` of the codebook.
        examples: Sentences in which it finds something.
        clean: Sentences that say what is needed, in which no rule finds anything.
    """

    id: str
    action: Action
    codes: tuple[str, ...]
    examples: tuple[str, ...]
    clean: tuple[str, ...]

    def explain(self, language: str = ENGLISH) -> str:
        """Say what it finds, why that could find her, and what to write instead."""
        return say(f"guard.{self.id}", language)


def check_text(text: str, *, lists: Lists = NO_LISTS) -> CheckReport:
    """Look through a text.

    Args:
        text: Any text at all.
        lists: The agency's; a program takes `client.guard.check_text` instead.
    """
    return CheckReport(_look("text", text, lists))


async def look_through_file(
    source: Path | str | bytes,
    *,
    name: str = "",
    lists: Lists = NO_LISTS,
    place: Path | None = None,
) -> CheckReport:
    """Look through a file; see `check_file`.

    Args:
        source: A path, or the bytes themselves.
        name: What it is called; else the path's name.
        lists: The agency's.
        place: Where the cleaned file may lie meanwhile: in the device's folder, where there is one.
    """
    given = Source.of(source)
    shown = name or given.name
    with _finding_room(place) as room:
        cleaned = await clean(given, name=shown, media_type="", place=room)
    cleaned.check_words()
    return await asyncio.to_thread(_report, shown, cleaned, lists)


@contextmanager
def _finding_room(place: Path | None) -> Iterator[Path]:
    if place is None:
        with tempfile.TemporaryDirectory(prefix="quietway-") as folder:
            yield Path(folder) / "checked"
        return
    try:
        yield place
    finally:
        forget(place)


def _report(shown: str, cleaned: Cleaned, lists: Lists) -> CheckReport:
    texts = cleaned.texts
    parts = ["text"] if len(texts) == 1 else [f"part {at}" for at in range(1, len(texts) + 1)]
    found = [*_look("name", shown, lists, "file_name")]
    for part, text in zip(parts, texts, strict=True):
        found += _look(part, text, lists)
    return CheckReport(tuple(found), cleaned.removed)


def check_file(source: Path | str | bytes, *, name: str = "") -> CheckReport:
    """Look through a file that can be attached: its name, its words, and what it would lose.

    Args:
        source: A path, or the bytes themselves.
        name: What it is called; else the path's name.

    Raises:
        AttachmentUnfit: It can't be read or cleaned, with the reason: it could not be sent either.
    """
    return asyncio.run(look_through_file(source, name=name))


def find_rule(rule: str) -> RuleWords:
    """Give one rule.

    Raises:
        NotFound: There is none of that id.
    """
    try:
        held = rules.find_rule(rule)
    except KeyError:
        raise NotFound("A rule of that id", "quietway guard explain") from None
    return RuleWords(held.id, held.action, held.codes, held.examples, held.clean)


def list_classes() -> dict[str, tuple[RuleWords, ...]]:
    """List the rules by their class, in order; the names that an agency lists are the last."""
    classes: dict[str, tuple[RuleWords, ...]] = {}
    for rule_id in (*rules.list_rules(), "place.denied"):
        name = rule_id.partition(".")[0]
        classes[name] = (*classes.get(name, ()), find_rule(rule_id))
    return classes


def explain_limits(language: str = ENGLISH, *, short: bool = False) -> str:
    """Say what no guard catches, in a language; `short` for one line, where somebody writes."""
    return say("guard.limits_short" if short else "guard.limits", language)


def _look(part: str, text: str, lists: Lists, field: Field = "prose") -> tuple[CheckFinding, ...]:
    return tuple(_place(part, text, held) for held in inspect(text, lists=lists, field=field))


def _place(part: str, text: str, held: Finding) -> CheckFinding:
    return CheckFinding(
        part,
        held.rule,
        held.action,
        *_find_column(text, held.start),
        *_find_column(text, held.end),
        held.codes,
    )


def _find_column(text: str, at: int) -> tuple[int, int]:
    return text.count("\n", 0, at) + 1, at - (text.rfind("\n", 0, at) + 1) + 1
