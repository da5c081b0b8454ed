"""What a sampling profiler saw, sorted into rooms: thread by thread, whose code was running.

A sample is a thread and its frames, outermost first, down into C. It belongs to the room of the
innermost frame whose room is known: so the interpreter's own functions, the C library and the
standard library count for whoever called them. A sample in which the thread waited, for work, for
the disk or for the interpreter's lock, used next to no CPU and stands apart.

Spec: docs/explanation/performance.md.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

_THREAD: Final = re.compile(r"thread \((?P<id>\d+)\)(?:: (?P<name>.*))?")
_LINE_NUMBER: Final = re.compile(r":\d+\)$")
_WAITS: Final = re.compile(r"pthread_cond_(?:timed)?wait|acquire_lock_timed|epoll_p?wait|sem_")
_WAITS_FOR_WORK: Final = re.compile(r"SimpleQueue_get|epoll_p?wait|Condition\.wait")
_SYNCS: Final = re.compile(r"^f(?:data)?sync ")
_TAIL: Final = 4

# The first pattern that fits a frame names its room.
ROOMS: Final = tuple(
    (name, re.compile(pattern))
    for name, pattern in (
        ("SQLite (C)", r"sqlite3\.c:|sqlcipher|libcrypto"),
        ("SQLite's binding (C)", r"\((?:connection|cursor|statement|microprotocols|row)\.c:"),
        ("SQLAlchemy", r"\(sqlalchemy/|\(_\w+_cy\.c:"),
        ("uvicorn", r"\(uvicorn/"),
        ("websockets", r"\(websockets/|\(speedups\.c:"),
        ("Starlette, FastAPI", r"\((?:starlette|fastapi)/"),
        ("httptools (C)", r"\((?:parser|llhttp|http|api)\.c:"),
        ("pydantic", r"\(pydantic|_pydantic_core"),
        ("libsodium", r"\(nacl/|sodium"),
        (
            "uvloop, sockets (C)",
            r"\((?:loop|core|linux|stream|async|timer|queue|uv-\w+|loop-watcher)\.[ch]:",
        ),
        ("relay: storing", r"\(quietway_server/store/"),
        ("relay: services", r"\(quietway_server/services/"),
        ("relay: addresses", r"\(quietway_server/(?:api|connections|serving)"),
        ("relay: the rest", r"\(quietway_server/"),
        ("schemas, protocol, crypto", r"\(quietway_(?:schemas|protocol|crypto)/"),
        ("asyncio", r"\(asyncio/"),
    )
)
OTHER: Final = "the interpreter, the rest"


@dataclass(slots=True)
class ThreadSamples:
    """What one thread was seen to do.

    Attributes:
        name: Its name.
        running: Samples in which it ran.
        idle: Samples in which it waited for work.
        syncing: Samples in which it waited until the disk had written.
        locked: Samples in which it waited for the interpreter's lock, or another.
        rooms: Running samples by room.
        functions: Running samples by function, its callees left out.
        product: Running samples by function of the product, its callees included.
    """

    name: str
    running: int = 0
    idle: int = 0
    syncing: int = 0
    locked: int = 0
    rooms: Counter[str] = field(default_factory=Counter)
    functions: Counter[str] = field(default_factory=Counter)
    product: Counter[str] = field(default_factory=Counter)

    def take(self, frames: list[str], count: int) -> None:
        """Take in one kind of sample."""
        if self._waits(frames, count):
            return
        self.running += count
        room, function = find_room(frames)
        self.rooms[room] += count
        self.functions[function] += count
        for name in {_LINE_NUMBER.sub(")", frame) for frame in frames if "(quietway" in frame}:
            self.product[name] += count

    def _waits(self, frames: list[str], count: int) -> bool:
        tail = ";".join(frames[-_TAIL:])
        if any(_SYNCS.search(frame) for frame in frames[-_TAIL:]):
            self.syncing += count
        elif not _WAITS.search(tail):
            return False
        elif _WAITS_FOR_WORK.search(tail):
            self.idle += count
        else:
            self.locked += count
        return True


def read_samples(lines: Iterable[str]) -> dict[int, ThreadSamples]:
    """Read collapsed stacks, one a line with its count; give them by the thread's number."""
    threads: dict[int, ThreadSamples] = {}
    for line in lines:
        stack, _, count = line.rstrip().rpartition(" ")
        head, *frames = stack.split(";")
        if (named := _THREAD.fullmatch(head)) and frames:
            number = int(named["id"])
            name = named["name"] or "a thread without a name"
            threads.setdefault(number, ThreadSamples(name)).take(frames, int(count))
    return threads


def find_room(frames: list[str]) -> tuple[str, str]:
    """Name the room that a sample belongs to, and the function in it that was running."""
    for frame in reversed(frames):
        for name, pattern in ROOMS:
            if pattern.search(frame):
                return name, _LINE_NUMBER.sub(")", frame)
    return OTHER, _LINE_NUMBER.sub(")", frames[-1])
