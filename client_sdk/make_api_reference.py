"""Writes docs/reference/api.md: every public name with its arguments and docstring, from the code.

    python client_sdk/make_api_reference.py docs/reference/api.md
    python client_sdk/make_api_reference.py --check docs/reference/api.md

The blocking face is written: it has the names, arguments and results of the async one, whose
docstrings say more, so those are taken. Errors and events stand with what they carry.

Spec: docs/reference/sdk.md.
"""

from __future__ import annotations

import dataclasses
import inspect
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import quietway
from quietway import AsyncClient, AsyncLockedDevice, Client, LockedDevice, QuietwayError

if TYPE_CHECKING:
    from collections.abc import Iterator

HEADER: Final = (
    "# Every call, from the code\n\n"
    "Written by `make schemas` from the docstrings; a test holds it fresh. "
    "[The SDK's public names](sdk.md) tells the same as a story, and is where to begin.\n\n"
    "`Client` and its faces are listed. `AsyncClient` has the same names, arguments and results: "
    "`await` what it returns, `async for` over what is yielded.\n"
)
_FACE: Final = re.compile(r"self\.(\w+) = (\w+)\((?:client|face)\.\w+, loop\)")
_SECTION: Final = re.compile(
    r"^(Args|Returns|Raises|Attributes|Yields|Spec|Source):(.*)$", re.MULTILINE
)


def write_reference() -> str:
    """Write the whole page."""
    lines = [HEADER]
    lines += _write_class("Client", Client, AsyncClient)
    for name, kind, twin in list_faces():
        lines += _write_class(name, kind, twin)
    lines += _write_class("LockedDevice", LockedDevice, AsyncLockedDevice)
    lines += ["## Functions", ""]
    for name, held in list_public(inspect.isfunction):
        lines += _write_call(name, held, held)
    lines += ["## What is returned and told", ""]
    for name, held in list_public(_is_shape):
        lines += [f"### `{name}`", "", *_write_docstring(held)]
    lines += ["## Errors", ""]
    for name, held in list_public(_is_error):
        parent = held.__bases__[0].__name__
        lines += [f"### `{name}`", "", f"A `{parent}`. ", *_write_docstring(held)]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(line.rstrip() for line in lines)).rstrip() + "\n"


def list_faces(
    path: str = "client", kind: type = Client, twin: type = AsyncClient
) -> Iterator[tuple[str, type, type]]:
    """List the faces below a class: path, the blocking class, its async twin."""
    homes = inspect.getsource(twin.__init__)
    for name, face in _FACE.findall(inspect.getsource(kind.__init__)):
        found = re.search(rf"self\.{name} = (\w+)\(", homes)
        if found is None:
            raise LookupError(f"{twin.__name__} has no face {name}.")
        below = getattr(sys.modules[kind.__module__], face)
        twin_below = getattr(sys.modules[twin.__module__], found[1])
        yield f"{path}.{name}", below, twin_below
        yield from list_faces(f"{path}.{name}", below, twin_below)


def list_public(wanted: Any) -> Iterator[tuple[str, Any]]:
    """List the public names of `quietway` that are of a kind, by name."""
    for name in sorted(quietway.__all__, key=str.lower):
        held = getattr(quietway, name)
        if wanted(held):
            yield name, held


def _is_error(held: object) -> bool:
    return inspect.isclass(held) and issubclass(held, QuietwayError) and held is not QuietwayError


def _is_shape(held: object) -> bool:
    clients = (Client, AsyncClient, LockedDevice, AsyncLockedDevice)
    return inspect.isclass(held) and not issubclass(held, BaseException) and held not in clients


def _write_class(title: str, kind: type, twin: type) -> list[str]:
    lines = [f"## `{title}`", "", *_write_docstring(kind, whole=False)]
    for name, member in inspect.getmembers(kind):
        if name.startswith("_"):
            continue
        held = inspect.getattr_static(kind, name)
        described = getattr(twin, name, member)
        if isinstance(held, property):
            lines += [f"### `{title}.{name}`", "", *_write_docstring(held)]
        elif callable(member):
            lines += _write_call(f"{title}.{name}", member, described)
        elif inspect.isclass(type(member)):
            lines += [f"### `{title}.{name}`", ""]
    return lines


def _write_call(title: str, held: Any, described: Any) -> list[str]:
    arguments = [
        text for text in _write_arguments(inspect.signature(held)) if text not in ("self", "cls")
    ]
    called = f"{title}({', '.join(arguments)})"
    return [f"### `{title}`", "", "```", *_fold(called), "```", "", *_write_docstring(described)]


def _write_arguments(signature: inspect.Signature) -> Iterator[str]:
    kinds, seen_bar = inspect.Parameter, False
    for name, held in signature.parameters.items():
        if held.kind is kinds.VAR_POSITIONAL:
            seen_bar = True
            yield f"*{name}"
        elif held.kind is kinds.VAR_KEYWORD:
            yield f"**{name}"
        else:
            if held.kind is kinds.KEYWORD_ONLY and not seen_bar:
                seen_bar = True
                yield "*"
            default = "" if held.default is kinds.empty else f"={held.default!r}"
            yield f"{name}{default}"


def _fold(called: str) -> list[str]:
    if len(called) <= _WIDTH:
        return [called]
    head, _, rest = called.partition("(")
    return [f"{head}(", *(f"    {part}," for part in rest[:-1].split(", ")), ")"]


_WIDTH: Final = 100


def _write_docstring(held: Any, *, whole: bool = True) -> list[str]:
    text = inspect.getdoc(held) or ""
    if not whole:
        text = text.partition("\n\n")[0]
    if not text or (dataclasses.is_dataclass(held) and text.startswith(f"{held.__name__}(")):
        return []
    shown: list[str] = []
    in_section = False
    for line in text.splitlines():
        section = _SECTION.match(line)
        if section is not None:
            in_section = True
            shown += [line if section[2] else f"{section[1]}:", ""]
        elif in_section:
            shown.append(re.sub(r"^ {4}(\*{0,2}[\w`.*, ]+): ", r"- `\1`: ", line).strip())
        else:
            shown.append(line)
    return [*shown, ""]


def main(arguments: list[str]) -> int:
    """Write the page, or say whether it is fresh."""
    path = Path(arguments[-1])
    text = write_reference()
    if "--check" not in arguments:
        path.write_text(text, "utf-8")
        return 0
    if path.is_file() and path.read_text("utf-8") == text:
        return 0
    sys.stderr.write(f"{path} is not what the code says. Run: make schemas\n")
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
