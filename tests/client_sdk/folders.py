"""Founding and opening device folders in tests, with a passphrase that is cheap to try."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from quietway.folder import OpenFolder, found_folder, open_folder
from quietway.keyring.body import Founding
from quietway.testing.entropy import SeededEntropy
from quietway_crypto.passphrase import PassphraseParameters

if TYPE_CHECKING:
    from pathlib import Path

CHEAP: Final = PassphraseParameters(time_cost=1, memory_kib=8, parallelism=1)
PASSPHRASE: Final = "seven quiet herons cross the winter canal"
FOUNDING: Final = Founding("https://relay.example", "HARBOR", "HARBOR-SHELTER", ("shelter_staff",))


def found(folder: Path, *, seed: int = 1) -> OpenFolder:
    return found_folder(
        folder,
        passphrase=PASSPHRASE,
        entropy=SeededEntropy(seed),
        parameters=CHEAP,
        founding=FOUNDING,
    )


def reopen(
    folder: Path, *, passphrase: str = PASSPHRASE, accept_older_copy: bool = False
) -> OpenFolder:
    return open_folder(
        folder,
        passphrase=passphrase,
        entropy=SeededEntropy(2),
        accept_older_copy=accept_older_copy,
    )


def snapshot(folder: Path) -> dict[str, bytes]:
    """Every file of a folder with its bytes."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def restore(folder: Path, files: dict[str, bytes]) -> None:
    """Put back exactly these files, as somebody with a backup would."""
    for path in folder.rglob("*"):
        if path.is_file():
            path.unlink()
    for name, content in files.items():
        (folder / name).write_bytes(content)
