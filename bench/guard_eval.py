"""`make guard-eval DATA=path`: what the guard finds in a file of sentences, and what in vain.

The file has one JSON object a line: `text`; `has_location`, whether the guard must find something
in it; `kind`, by which recall is told; and, if wished, `language`, and `span` ([from, to] in code
points), which a finding must then overlap. Any file of that form will do, so anybody can measure
with sentences that the rules were never mended after.

It prints figures and numbers of lines, and no text unless `--show` is given: a file may hold what
no terminal should. Exit codes: 0 it was measured, 2 the file could not be read as such.

Spec: docs/reference/make.md.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from quietway.guard.inspecting import inspect

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from quietway.guard.finding import Finding

UNREADABLE: Final = 2
FORM: Final = (
    'Each line is an object such as {"text": "...", "has_location": true, "kind": "street"};'
    ' "language" and "span" may stand beside them.'
)


class BadInputError(Exception):
    """The file is none that can be measured with: which line, and what is wrong with it."""


@dataclass(frozen=True, slots=True, repr=False)
class Sentence:
    """One line of the file.

    Attributes:
        line: Its number, from 1.
        text: What the guard is given.
        has_location: Whether it must find something.
        kind: What recall is told by.
        span: Where the place stands, if the file says so.
    """

    line: int
    text: str
    has_location: bool
    kind: str
    span: tuple[int, int] | None


@dataclass(slots=True)
class Tally:
    """What was counted: lines by kind, and what was missed or found in vain, by number of line."""

    lines: Counter[str] = field(default_factory=Counter)
    missed: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    clean: int = 0
    alarmed: list[int] = field(default_factory=list)
    alarms: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    seconds: float = 0.0


def read_sentences(path: Path) -> Iterator[Sentence]:
    """Read a file of sentences.

    Raises:
        BadInputError: It is not there, or a line has not the form.
    """
    try:
        written = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as problem:
        raise BadInputError(f"{path} can't be read: {type(problem).__name__}.") from None
    lines = [(number, line) for number, line in enumerate(written.split("\n"), 1) if line.strip()]
    if not lines:
        raise BadInputError(f"{path} holds no line. {FORM}")
    for number, line in lines:
        yield _read_line(number, line)


def _read_line(number: int, line: str) -> Sentence:
    try:
        row = json.loads(line)
    except ValueError:
        raise BadInputError(f"Line {number} is no JSON. {FORM}") from None
    if not isinstance(row, dict):
        raise BadInputError(f"Line {number} is no object. {FORM}")
    for name, wanted in (("text", str), ("has_location", bool), ("kind", str)):
        if not isinstance(row.get(name), wanted):
            raise BadInputError(f"Line {number}: {name} is missing or no {wanted.__name__}. {FORM}")
    return Sentence(number, row["text"], row["has_location"], row["kind"], _read_span(number, row))


def _read_span(number: int, row: dict[str, Any]) -> tuple[int, int] | None:
    span = row.get("span")
    if span is None:
        return None
    is_pair = isinstance(span, list) and [type(end) for end in span] == [int, int]
    if not is_pair or not 0 <= span[0] < span[1] <= len(row["text"]):
        raise BadInputError(f"Line {number}: span is no [from, to] within the text. {FORM}")
    return span[0], span[1]


def measure(sentences: Sequence[Sentence]) -> Tally:
    """Ask the guard about each sentence, and count."""
    tally = Tally()
    began = time.perf_counter()
    for sentence in sentences:
        found = inspect(sentence.text)
        if sentence.has_location:
            tally.lines[sentence.kind] += 1
            if not is_caught(found, sentence.span):
                tally.missed[sentence.kind].append(sentence.line)
        else:
            tally.clean += 1
            _count_alarms(tally, sentence.line, found)
    tally.seconds = time.perf_counter() - began
    return tally


def is_caught(found: Sequence[Finding], span: tuple[int, int] | None) -> bool:
    """Say whether something was found, there where it stands."""
    if span is None:
        return bool(found)
    return any(finding.start < span[1] and span[0] < finding.end for finding in found)


def _count_alarms(tally: Tally, line: int, found: Sequence[Finding]) -> None:
    if found:
        tally.alarmed.append(line)
    for name in sorted({finding.rule.partition(".")[0] for finding in found}):
        tally.alarms[name].append(line)


def render(tally: Tally) -> Iterator[str]:
    """Give the report, line by line; no text is in it."""
    if tally.lines:
        yield f"{'kind':14}{'lines':>7}{'found':>7}  {'recall':>8}  missed, by number of line"
        for kind, lines in sorted(tally.lines.items()):
            yield _render_row(kind, lines, tally.missed.get(kind, []))
        missed = sorted(line for one in tally.missed.values() for line in one)
        yield _render_row("all", sum(tally.lines.values()), missed, is_named=False)
    if tally.clean:
        rate = 100 * len(tally.alarmed) / tally.clean
        yield f"clean lines: {tally.clean}, with a false alarm: {len(tally.alarmed)} ({rate:.2f} %)"
        for name, lines in sorted(tally.alarms.items()):
            yield f"  {name}: {len(lines)}, in lines {_join(lines)}"
    count = sum(tally.lines.values()) + tally.clean
    yield f"{count} lines in {tally.seconds:.1f} s"


def _render_row(kind: str, lines: int, missed: list[int], *, is_named: bool = True) -> str:
    found = lines - len(missed)
    named = _join(missed) if is_named else ""
    return f"{kind:14}{lines:>7}{found:>7}  {100 * found / lines:>6.1f} %  {named}".rstrip()


def _join(lines: Sequence[int]) -> str:
    return ", ".join(str(line) for line in lines)


def show(sentences: Sequence[Sentence], tally: Tally) -> Iterator[str]:
    """Give the text of what was missed and of what was found in vain."""
    missed = {line for one in tally.missed.values() for line in one}
    for sentence in sentences:
        if sentence.line in missed:
            yield f"missed, line {sentence.line}, {sentence.kind}: {sentence.text}"
        elif sentence.line in tally.alarmed:
            found = ", ".join(
                f"{finding.rule} {sentence.text[finding.start : finding.end]!r}"
                for finding in inspect(sentence.text)
            )
            yield f"false alarm, line {sentence.line}, {found}: {sentence.text}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure with the file that is named."""
    parser = argparse.ArgumentParser(prog="guard-eval", description=__doc__.partition("\n")[0])
    parser.add_argument("data", type=Path, help="file of sentences, one JSON object a line")
    parser.add_argument("--show", action="store_true", help="print the text of misses and alarms")
    asked = parser.parse_args(arguments)
    try:
        sentences = list(read_sentences(asked.data))
    except BadInputError as problem:
        print(problem, file=sys.stderr)
        return UNREADABLE
    tally = measure(sentences)
    print("\n".join(render(tally)))
    if asked.show:
        print("\n".join(show(sentences, tally)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
