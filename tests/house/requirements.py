"""Print the requirements, one line a row, with the tests that hold each: `make requirements`.

The rows and their gist are read from the list that stands beside the project; the tests are those
that carry `@pytest.mark.requirement("A27")`, found by pytest's own collection. A test may carry two
rows at most, and only rows that exist. Where the list is not there, the rows that tests name are
printed without their gist.
"""

from __future__ import annotations

import contextlib
import io
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

ROOT: Final = Path(__file__).resolve().parents[2]
LIST: Final = ROOT.parent / "shared" / "domain" / "requirements.md"
MOST_ROWS: Final = 2
_ROW: Final = re.compile(r"^\| ([A-D]\d\d) \| (.+?) \|", re.MULTILINE)
_ROW_ID: Final = re.compile(r"[A-D]\d\d")

Held = dict[str, list[str]]


class Collector:
    """A pytest plugin that remembers what was collected."""

    def __init__(self) -> None:
        self.items: list[pytest.Item] = []

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Take over the items of a finished collection."""
        self.items = list(session.items)


def read_rows(listing: str) -> dict[str, str]:
    """Read the rows of the list: id to gist."""
    return dict(_ROW.findall(listing))


def read_marks(items: Iterable[pytest.Item]) -> dict[str, tuple[object, ...]]:
    """Read which rows each test carries; the cases of a parametrised test are one test."""
    marks: dict[str, tuple[object, ...]] = {}
    for item in items:
        rows = tuple(row for mark in item.iter_markers("requirement") for row in mark.args)
        if rows:
            name = item.nodeid.partition("[")[0]
            marks[name] = tuple(dict.fromkeys((*marks.get(name, ()), *rows)))
    return marks


def find_faults(marks: Mapping[str, tuple[object, ...]], known: Mapping[str, str]) -> list[str]:
    """Say of each test that carries too many rows, or one that does not exist, what is wrong."""
    faults = [
        f"{test} carries {len(rows)} rows; {MOST_ROWS} are the most"
        for test, rows in marks.items()
        if len(rows) > MOST_ROWS
    ]
    for test, rows in marks.items():
        faults += [
            f"{test} carries {row!r}, which is no row" for row in rows if not _is(row, known)
        ]
    return faults


def _is(row: object, known: Mapping[str, str]) -> bool:
    shaped = isinstance(row, str) and _ROW_ID.fullmatch(row) is not None
    return shaped and (not known or row in known)


def invert(marks: Mapping[str, tuple[object, ...]]) -> Held:
    """Turn tests with their rows into rows with their tests."""
    held: Held = {}
    for test, rows in sorted(marks.items()):
        for row in rows:
            held.setdefault(str(row), []).append(test)
    return held


def list_lines(known: Mapping[str, str], held: Held) -> list[str]:
    """Write one line a row: id, gist, and its tests or `none`."""
    return [
        f"{row}  {known.get(row, '(the list is not here)')}  "
        + (", ".join(f"test {test}" for test in held.get(row, ())) or "none")
        for row in sorted({*known, *held})
    ]


def collect() -> list[pytest.Item]:
    """Have pytest collect every test of the project, quietly.

    Raises:
        SystemExit: Collection failed; pytest's own words are printed first.
    """
    collector, said = Collector(), io.StringIO()
    options = ["--collect-only", "-q", "-p", "no:cacheprovider", f"--rootdir={ROOT}"]
    with contextlib.redirect_stdout(said):
        status = pytest.main(
            [*options, "-c", str(ROOT / "pyproject.toml"), str(ROOT / "tests")], plugins=[collector]
        )
    if status is not pytest.ExitCode.OK:
        sys.stderr.write(said.getvalue())
        raise SystemExit(1)
    return collector.items


def main() -> int:
    """Print the rows; return 1 when a test carries what it may not."""
    known = read_rows(LIST.read_text("utf-8")) if LIST.exists() else {}
    marks = read_marks(collect())
    print(*list_lines(known, invert(marks)), sep="\n")
    faults = find_faults(marks, known)
    for fault in faults:
        print(fault, file=sys.stderr)
    return 1 if faults else 0


if __name__ == "__main__":
    raise SystemExit(main())
