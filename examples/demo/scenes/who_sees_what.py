"""Who sees what: what each agency read, and what the relay holds, looked up in its own files.

Spec: docs/explanation/what-the-relay-sees.md.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from contextlib import closing
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from world import World

TITLE = "Who sees what"
NEEDS = ("founding", "referral", "status")

LAST_WORDS = "Please confirm that the handover went well."
LINE_BYTES = 16
SHOWN_LINES = 3
SHORTEST_TEXT = 6
PRINTABLE = frozenset(map(chr, range(0x20, 0x7F)))


def play(world: World) -> None:
    """Show both sides, then search the relay's files for everything that was said."""
    _show_agencies(world)
    # One message waits at the relay while we look: its recipient has not asked yet.
    world.remember(LAST_WORDS)
    world.hospital.client.messages.send(LAST_WORDS, to=["CITYPD"])
    _show_relay(world)
    search_relay(world)


def _show_agencies(world: World) -> None:
    for agency in world.agencies.values():
        world.tell.heading(f"{agency.program} opened and read")
        counted = Counter(world.read[agency.code])
        for what, times in sorted(counted.items()):
            world.tell.item(f"{times} x", what, column=4)
        if not counted:
            world.tell.item("", "nothing", column=4)


def _show_relay(world: World) -> None:
    tell = world.tell
    tell.heading("The relay holds these tables and columns, and nothing else")
    with closing(sqlite3.connect(f"file:{world.relay.database}?mode=ro", uri=True)) as database:
        for table, columns in read_tables(database):
            tell.item(table, ", ".join(columns), column=22)
        tell.heading("One envelope that waits there: what the relay can look at")
        for line in dump_envelope(database):
            tell.raw(line)
    tell.say(
        "Every envelope of a class has one size and looks like noise. The relay knows which "
        "agencies there are and whose each mailbox is, or it could not deliver. Who wrote, about "
        "whom, and what was said stand in none of its columns."
    )


def read_tables(database: sqlite3.Connection) -> list[tuple[str, list[str]]]:
    """Return the tables of the relay's real database with their columns."""
    found = database.execute("SELECT name FROM sqlite_master WHERE type='table' ORDER BY name")
    tables = [name for (name,) in found if not name.startswith("sqlite_")]
    columns = "SELECT name FROM pragma_table_info(?)"
    return [(table, [name for (name,) in database.execute(columns, (table,))]) for table in tables]


def dump_envelope(database: sqlite3.Connection) -> list[str]:
    """Return the first lines of a hexdump of one waiting envelope's sealed bytes."""
    for table, columns in read_tables(database):
        if "sealed" in columns:
            # The table's name comes from the database itself.
            query = f"SELECT sealed FROM {table} LIMIT 1"  # noqa: S608 - no value of anybody's in it
            row = database.execute(query).fetchone()
            if row is not None:
                return _dump(bytes(row[0]))
    raise AssertionError("No envelope waits at the relay.")


def _dump(raw: bytes) -> list[str]:
    lines = []
    for start in range(0, LINE_BYTES * SHOWN_LINES, LINE_BYTES):
        part = raw[start : start + LINE_BYTES]
        shown = "".join(chr(byte) if chr(byte) in PRINTABLE else "." for byte in part)
        lines.append(f"  {start:04x}  {part.hex(' ')}  {shown}")
    return [*lines, f"  ....  {len(raw):,} bytes in all"]


def search_relay(world: World) -> None:
    """Search the relay's files for what was said; the same search must find it where it was read.

    Raises:
        AssertionError: Something that was said stands in the relay's files, or the search is blind.
    """
    said = [text for text in world.said if len(text) >= SHORTEST_TEXT]
    files = read_files(world.relay_folder)
    found = count_found([*said, *world.refused], files)
    opened = read_opened(world)
    seen = count_found(said, opened)
    world.tell.heading("Searched for every text that was said")
    size = sum(len(raw) for raw in files)
    world.tell.item("the relay's files", f"{len(files)} files, {size:,} bytes: {found} found")
    world.tell.item("the agencies' own", f"{seen} of {len(said)} found, so the search can see")
    if world.refused:
        kept = count_found(world.refused, opened)
        world.tell.item("what was refused", f"{kept} found, there and here")
        found += kept
    if found or seen != len(said):
        raise AssertionError("The search did not come out as it must.")


def read_files(folder: Path) -> list[bytes]:
    """Read every file below a folder."""
    return [path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()]


def read_opened(world: World) -> list[bytes]:
    """Return what the agencies' stores show once they are opened."""
    for agency in world.agencies.values():
        world.fetch(agency)
    clients = [*(agency.client for agency in world.agencies.values()), *world.others]
    return [
        held.content.model_dump_json().encode() for client in clients for held in client.inbox()
    ]


def count_found(texts: list[str], haystacks: list[bytes]) -> int:
    """Count the texts that stand in any of the haystacks."""
    return sum(any(text.encode() in raw for raw in haystacks) for text in texts)
