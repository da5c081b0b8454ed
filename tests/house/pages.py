"""What the house's tests read of the written pages: links, examples, and every file of the tree.

A block of Python in a page is run by the tests. Where one cannot be, the line before it says why:
`<!-- not run: the reason -->`. A block marked `text` right behind a block of Python is what that
Python prints. Nothing here imports the product.
"""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
NOT_RUN: Final = re.compile(r"<!-- not run: \S.* -->")
_FENCE: Final = re.compile(
    r"^(?P<mark>```+)(?P<language>\w*)\n(?P<body>.*?)^(?P=mark)$", re.MULTILINE | re.DOTALL
)
_LINK: Final = re.compile(r"(?<!\\)\]\(<?([^)\s>]+)>?\)")
_CODE: Final = re.compile(r"^```.*?^```$|`[^`\n]*`", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class Example:
    """A block of Python in a page, and what the page says that it prints (None: nothing said)."""

    code: str
    prints: str | None


def list_files() -> list[Path]:
    """List the files that belong to the project: what git knows, or would take."""
    found = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    names = {name.decode() for name in found.stdout.split(b"\0") if name}
    return [ROOT / name for name in sorted(names) if (ROOT / name).is_file()]


def list_pages() -> list[Path]:
    """List the written pages."""
    return [path for path in list_files() if path.suffix == ".md"]


def find_examples(page: str) -> list[Example]:
    """Find the blocks of Python that are to be run, in order."""
    blocks = list(_FENCE.finditer(page))
    followers: list[re.Match[str] | None] = [*blocks, None][1:]
    return [
        Example(block["body"], _find_output(page, block, follower))
        for block, follower in zip(blocks, followers, strict=True)
        if block["language"] == "python" and not _is_excused(page, block)
    ]


def _is_excused(page: str, block: re.Match[str]) -> bool:
    before = page[: block.start()].rstrip().rpartition("\n")[2]
    return NOT_RUN.fullmatch(before) is not None


def _find_output(page: str, block: re.Match[str], follower: re.Match[str] | None) -> str | None:
    if follower is None or follower["language"] != "text":
        return None
    between = page[block.end() : follower.start()]
    return None if between.strip() else follower["body"]


def find_links(page: str) -> list[str]:
    """Find the targets of links that lead to another file of the project."""
    targets = _LINK.findall(_CODE.sub("", page))
    return [target for target in targets if not re.match(r"[a-z]+:|#", target)]


def find_first_program() -> str:
    """Return the first block of Python under the README's heading "Your first program"."""
    readme = (ROOT / "README.md").read_text("utf-8")
    _, found, section = readme.partition("\n## Your first program\n")
    if not found:
        raise LookupError('README.md has no heading "Your first program".')
    return find_examples(section)[0].code
