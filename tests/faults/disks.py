"""Disks whose power a test can cut: an ext4 in a file where this is root, else one of C.

The strongest means that the machine has is taken. A loop-mounted ext4 is told to shut down without
flushing its journal, as if the power had failed, is unmounted, and mounted again from the same
device. Whatever an earlier run left mounted, because it was killed itself, is found by its name and
taken away first.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import signal
import struct
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol, Self

from tests.faults.shim import NEEDED, ShimDisk, has_compiler
from tests.relay_process import wait_until

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.relay_process import RelayProcess

MEGABYTES: Final = 128
_SHUT_DOWN: Final = 0x8004587D
_NO_LOG_FLUSH: Final = struct.pack("=I", 2)
_MARK: Final = "quietway-power"
_FILLER: Final = "filler"
_TOOLS: Final = ("losetup", "mkfs.ext4", "mount", "umount")


class Disk(Protocol):
    """A folder whose disk can lose its power."""

    folder: Path
    means: str
    environment: Mapping[str, str]

    def __enter__(self) -> Self: ...

    def __exit__(self, *_: object) -> None: ...

    def begin(self) -> None:
        """Take what lies there for synced; nobody may have it open."""
        ...

    def cut_power(self, relay: RelayProcess) -> None:
        """Cut the power under a relay, and come back with what the disk has kept."""
        ...

    def fill(self) -> None:
        """Leave no room for another byte."""
        ...

    def free(self) -> None:
        """Give the room back."""
        ...


class LoopDisk:
    """An ext4 in a file, on a loop device.

    Args:
        folder: Where the file and the place of mounting go.
        megabytes: How large it is.
    """

    means = "ext4 on a loop device, shut down without flushing its journal"

    def __init__(self, folder: Path, *, megabytes: int = MEGABYTES) -> None:
        self.folder = folder / "mounted"
        self.environment: Mapping[str, str] = {}
        self._image = folder / f"{_MARK}-{os.getpid()}.ext4"
        self._megabytes = megabytes
        self._device = ""

    def __enter__(self) -> Self:
        remove_leftovers()
        self.folder.mkdir()
        try:
            with self._image.open("wb") as file:
                file.truncate(self._megabytes << 20)
            _run("mkfs.ext4", "-q", "-F", "-E", "nodiscard", str(self._image))
            self._device = _run("losetup", "--find", "--show", str(self._image))
            _run("mount", self._device, str(self.folder))
        except BaseException:
            self._remove()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._remove()

    def begin(self) -> None:
        """Take what lies there for synced."""
        os.sync()

    def cut_power(self, relay: RelayProcess) -> None:
        """Cut the power under a relay, and come back with what the disk has kept."""
        # A sync that is under way may come back well although the journal is thrown away under it,
        # which no disk without power does: so all threads stand still first.
        _stop(relay.pid)
        folder = os.open(self.folder, os.O_RDONLY)
        try:
            fcntl.ioctl(folder, _SHUT_DOWN, _NO_LOG_FLUSH)
        finally:
            os.close(folder)
        relay.kill()
        _run("umount", str(self.folder))
        _run("mount", self._device, str(self.folder))

    def fill(self) -> None:
        """Leave no room for another byte."""
        with (self.folder / _FILLER).open("ab", 0) as file:
            for size in (1 << 20, 1 << 12):
                with contextlib.suppress(OSError):
                    while file.write(bytes(size)) == size:
                        pass

    def free(self) -> None:
        """Give the room back."""
        (self.folder / _FILLER).unlink()

    def _remove(self) -> None:
        with contextlib.suppress(subprocess.CalledProcessError):
            _run("umount", "--lazy", str(self.folder))
        if self._device:
            with contextlib.suppress(subprocess.CalledProcessError):
                _run("losetup", "--detach", self._device)
        self._image.unlink(missing_ok=True)


def remove_leftovers() -> int:
    """Unmount and detach what runs that are no more have left; tell how many there were."""
    found = 0
    for line in _run(
        "losetup", "--list", "--noheadings", "--output", "NAME,BACK-FILE"
    ).splitlines():
        device, _, backing = line.strip().partition(" ")
        name = Path(backing.strip().removesuffix(" (deleted)")).name
        if not name.startswith(f"{_MARK}-") or _is_alive(name):
            continue
        for mounted in _list_mounts(device):
            _run("umount", "--lazy", mounted)
        with contextlib.suppress(subprocess.CalledProcessError):
            _run("losetup", "--detach", device)
        found += 1
    return found


def can_loop(folder: Path) -> bool:
    """Tell whether this machine lets us mount an ext4 of our own."""
    if not (
        hasattr(os, "geteuid")
        and os.geteuid() == 0
        and all(shutil.which(tool) for tool in _TOOLS)
        and Path("/dev/loop-control").exists()
    ):
        return False
    tried = folder / "tried"
    tried.mkdir()
    try:
        # A container may have the tools and not the right.
        with LoopDisk(tried, megabytes=16):
            return True
    except (OSError, subprocess.CalledProcessError):
        return False
    finally:
        shutil.rmtree(tried, ignore_errors=True)


def open_disk(folder: Path) -> Disk:
    """Give the strongest disk that this machine has.

    Raises:
        AssertionError: It has none; the sentence says what to install.
    """
    if can_loop(folder):
        return LoopDisk(folder)
    assert has_compiler(), f"{NEEDED} As root with loop devices and mkfs.ext4 it needs none."
    return ShimDisk(folder)


def _stop(pid: int) -> None:
    os.kill(pid, signal.SIGSTOP)
    tasks = Path("/proc", str(pid), "task")
    wait_until(lambda: all(_state(task) == "T" for task in tasks.iterdir()))


def _state(task: Path) -> str:
    return (task / "stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0]


def _is_alive(name: str) -> bool:
    number = name.removeprefix(f"{_MARK}-").partition(".")[0]
    return number.isdigit() and Path("/proc", number).exists()


def _list_mounts(device: str) -> list[str]:
    lines = Path("/proc/mounts").read_text(encoding="utf-8").splitlines()
    return [line.split(" ")[1] for line in lines if line.split(" ")[0] == device]


def _run(*command: str) -> str:
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return done.stdout.strip()
