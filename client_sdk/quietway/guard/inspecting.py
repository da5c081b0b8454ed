"""A text in, findings out: what the whole guard has to say about it.

`scan` gives everything that any rule found in any view. `inspect` gives what a person is shown:
what is allowed is taken out, and of findings that overlap the strictest stands, with the span of
them all.

Spec: docs/spec/guard.md, "Findings".
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, TypeVar

from quietway.errors import GuardFailed
from quietway.guard import plans
from quietway.guard.finding import STRICTNESS, Channel, Field, Finding
from quietway.guard.lists import DENIED, NO_LISTS, PRIVATE, Lists, Spans, find_allowed
from quietway.guard.places import house_number, numbers
from quietway.guard.reading import Reading
from quietway.guard.rules import find_rule, list_detectors

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from quietway.guard.denied import Seen
    from quietway.guard.finding import Hit
    from quietway.guard.view import View

_Result = TypeVar("_Result")

_SPACES: Final = re.compile(r"[_+-]|\.(?![0-9])")
"""What stands between the words of a file's name; a full stop before a digit is one of a number."""


def inspect(
    text: str,
    *,
    lists: Lists = NO_LISTS,
    field: Field = "prose",
    channel: Channel = "secure",
) -> tuple[Finding, ...]:
    """Say what should not be said in a text.

    Args:
        text: Any text at all.
        lists: What the agency allows, and what it never lets pass.
        field: What kind of text it is.
        channel: Who else may read it; on an insecure channel every finding blocks.

    Returns:
        Findings in the order of the text, none overlapping another.

    Raises:
        GuardFailed: A class of rules broke on it; it is not to be sent.
    """
    found: list[Finding] = []
    for written in _spell(text, field):
        found += _inspect(Reading(written), lists, field, channel)
    return _merge(found)


def _spell(text: str, field: Field) -> Iterator[str]:
    """Give a text, and a file's name also with spaces where names have other marks for them."""
    yield text
    if field == "file_name" and (spaced := _SPACES.sub(" ", text)) != text:
        yield spaced


def _inspect(reading: Reading, lists: Lists, field: Field, channel: Channel) -> Iterable[Finding]:
    found = list(scan(reading, lists=lists, field=field, channel=channel))
    if not (found and lists.allowed):
        return found
    allowed = Spans(shield("allowed", lambda: list(find_allowed(reading, lists))))
    return [finding for finding in found if not _is_allowed(finding, allowed)]


def scan(
    reading: Reading,
    *,
    lists: Lists = NO_LISTS,
    field: Field = "prose",
    channel: Channel = "secure",
) -> Iterator[Finding]:
    """Yield whatever any rule finds in any view, once for each view in which it finds it.

    What the lists allow is not taken out.
    """
    seen: dict[str, Seen] = {}
    try:
        for view in shield("reading", lambda: reading.views):
            for hit in _look(view, lists, seen):
                rule = find_rule(hit.rule)
                if field not in rule.passes_in:
                    start, end = view.back(hit.start, hit.end)
                    action = "block" if channel == "insecure" else rule.action
                    yield Finding(rule.id, action, start, end, rule.codes)
    finally:
        plans.forget()


def _look(view: View, lists: Lists, seen: dict[str, Seen]) -> Iterator[Hit]:
    try:
        for name in list_detectors():
            yield from look(name, view)
    finally:
        numbers.forget()
        house_number.forget()
    if lists.denied:
        for start, end in shield("place", lambda: list(lists.index.find(view, seen))):
            yield view.hit(DENIED, start, end)


def look(name: str, view: View) -> list[Hit]:
    """Give the hits of one class in a view.

    Raises:
        GuardFailed: Its detector broke.
    """
    return shield(name, lambda: list(list_detectors()[name](view)))


def shield(name: str, work: Callable[[], _Result]) -> _Result:
    """Do what looks at a text.

    Raises:
        GuardFailed: It broke. What it raised is let go of, since it may hold the text.
    """
    try:
        return work()
    except Exception:  # noqa: BLE001  # whatever it is, the text is not sent, and nothing of it shown
        failed = GuardFailed(name)
    # Raised out here it has no context that would show what was raised, and so the text.
    raise failed


def _is_allowed(finding: Finding, allowed: Spans) -> bool:
    return not finding.rule.startswith(PRIVATE) and allowed.hold(finding.start, finding.end)


def _merge(found: Iterable[Finding]) -> tuple[Finding, ...]:
    merged: list[Finding] = []
    for finding in sorted(found, key=_order):
        if merged and finding.start < merged[-1].end:
            merged[-1] = _join(merged[-1], finding)
        else:
            merged.append(finding)
    return tuple(merged)


def _order(finding: Finding) -> tuple[int, int, str]:
    return finding.start, -finding.end, finding.rule


def _join(first: Finding, second: Finding) -> Finding:
    stands = max(first, second, key=lambda finding: STRICTNESS[finding.action])
    start, end = first.start, max(first.end, second.end)
    return Finding(stands.rule, stands.action, start, end, stands.codes)
