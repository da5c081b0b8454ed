"""The files that a command reads and writes for a person: requests of other systems, and exports.

What is read is told in words, with what stayed behind. What is written is written whole or not at
all, for this user's eyes only, and never over something that is there already unless that is said.

Spec: docs/reference/desk.md, "quietway referral".
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

from quietway.codes import label_of
from quietway.interop import preview_referral, read_import_file
from quietway_desk.drafts import OTHER
from quietway_desk.refusals import UsageRefused
from quietway_desk.screen import remark, warn

if TYPE_CHECKING:
    from quietway.interop import CodedRequest

STANDARD_OUTPUT: Final = Path("-")
# Windows would turn each line feed of a picture into two characters.
_NEW_FILE: Final = os.O_CREAT | os.O_EXCL | os.O_WRONLY | getattr(os, "O_BINARY", 0)
_NOT_WRITTEN: Final = (
    "The file was not written: choose a file that does not exist yet, in a folder that does."
)


def take_file(path: Path, *, allow_closed: bool = False) -> CodedRequest:
    """Read the codes of a request, and say what was read and what stays behind.

    Raises:
        ImportRefused: It can't become a referral.
    """
    coded = preview_referral(read_import_file(path), allow_closed=allow_closed)
    service = label_of("service_type", coded.service_type)
    urgency = label_of("time_sensitivity", coded.time_sensitivity)
    remark(f"Read from this {coded.kind}: the service, {service}; how soon, {urgency}.")
    remark("Left behind: " + (", ".join(coded.dropped) or "nothing"))
    if coded.found:
        fields = ", ".join(held.field for held in coded.found)
        warn(
            f"The guard found places, routines or numbers of persons in {fields}: copy none of it."
        )
    if coded.unmapped:
        remark("Not in our code map: " + ", ".join(coded.unmapped))
    if coded.service_type == OTHER:
        remark("It names no service that we know. --service CODE says which one you ask for.")
    if coded.cautions:
        warn(
            f"The file says that something is NOT to be done ({', '.join(coded.cautions)}). What "
            "that is stays behind too. Say in the purpose what you ask for."
        )
    return coded


def read_small(file: Path, most_bytes: int) -> bytes:
    """Read a file that a partner handed over, and none that is larger than such a file can be.

    Raises:
        UsageRefused: It can't be read, or is something else.
    """
    try:
        with file.open("rb") as opened:
            raw = opened.read(most_bytes + 1)
    except OSError:
        raise UsageRefused(f"{file} can't be read: check its name.") from None
    if len(raw) > most_bytes:
        raise UsageRefused(f"{file} is larger than it can be: ask for it once more.")
    return raw


def check_new(file: Path) -> None:
    """See that a name is free, before anything is made that is to be written there.

    Raises:
        UsageRefused: Something is there already, or there is no such folder.
    """
    if os.path.lexists(file) or not file.absolute().parent.is_dir():
        raise UsageRefused(_NOT_WRITTEN)


def write_new(file: Path, raw: bytes) -> None:
    """Write a file that only this user may read, and never over another.

    Raises:
        UsageRefused: It could not be written, or something is there already.
    """
    try:
        descriptor = os.open(file, _NEW_FILE, 0o600)
        with os.fdopen(descriptor, "wb") as made:
            made.write(raw)
    except OSError:
        raise UsageRefused(_NOT_WRITTEN) from None


def check_target(file: Path, *, force: bool) -> None:
    """See that a file may be written, before anybody types a passphrase for it.

    Raises:
        UsageRefused: Something is there already, or it is no place for a file.
    """
    if file == STANDARD_OUTPUT:
        return
    try:
        _refuse_taken(file, force=force)
    except OSError:
        raise UsageRefused("--out names a place that can't be looked at. Choose another.") from None


def _refuse_taken(file: Path, *, force: bool) -> None:
    if file.exists() and not file.is_file():
        raise UsageRefused("--out names something that is no file. Choose another name, or -.")
    if os.path.lexists(file) and not force:
        raise UsageRefused(
            "There is a file of that name, and it was left as it is. Choose another name, or say "
            "--force to replace it."
        )
    if not file.absolute().parent.is_dir():
        raise UsageRefused("The folder of --out is not there. Make it first, then try again.")


def write_whole(file: Path, raw: bytes, *, force: bool) -> None:
    """Write a file that only this user may read: whole, or not at all.

    Raises:
        UsageRefused: It could not be written, or something came to be there meanwhile.
    """
    check_target(file, force=force)
    try:
        descriptor, name = tempfile.mkstemp(prefix=".quietway-", dir=file.absolute().parent)
        made = Path(name)
        try:
            with os.fdopen(descriptor, "wb") as opened:
                opened.write(raw)
                opened.flush()
                os.fsync(opened.fileno())
            _put_in_place(made, file, force=force)
        finally:
            made.unlink(missing_ok=True)
    except FileExistsError:
        check_target(file, force=False)
    except OSError:
        raise UsageRefused(
            "The file could not be written, and nothing was left behind. Check the folder and the "
            "room on the disk, or choose another name."
        ) from None


def _put_in_place(made: Path, file: Path, *, force: bool) -> None:
    if force:
        made.replace(file)
        return
    try:
        # A second name is given only where there is nothing yet.
        file.hardlink_to(made)
    except FileExistsError:
        raise
    except OSError:
        # Where the disk has no second names, the name is taken first, and then filled.
        os.close(os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        made.replace(file)
