"""Opens the store for the length of one command, and tells how the talk with the relay went.

Spec: docs/reference/desk.md.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from quietway import Client, StoreMissing, UnknownPartner, has_store
from quietway_desk.passphrase import read_passphrase
from quietway_desk.screen import remark, warn, working

if TYPE_CHECKING:
    from collections.abc import Iterator

    import typer

    from quietway import Partner, SyncReport


@dataclass(frozen=True, slots=True)
class Settings:
    """What holds for every command.

    Attributes:
        passphrase_descriptor: An open file descriptor that gives the passphrase, or None.
    """

    passphrase_descriptor: int | None = None


def settings_of(context: typer.Context) -> Settings:
    """Return the settings of the whole command line."""
    settings: Settings = context.find_root().obj
    return settings


@contextmanager
def opened(context: typer.Context, *, accept_older_copy: bool = False) -> Iterator[Client]:
    """Open the device's store, and close it whatever happens.

    Raises:
        StoreError: There is none, another program has it, or the passphrase is wrong.
    """
    if not has_store():
        # Said before anybody types a passphrase for nothing.
        raise StoreMissing
    passphrase = read_passphrase(settings_of(context).passphrase_descriptor)
    with Client.open(passphrase=passphrase, accept_older_copy=accept_older_copy) as client:
        yield client


def find_partner(client: Client, name: str) -> Partner:
    """Find a partner by agency code, program code or label, in capitals or not.

    Raises:
        UnknownPartner: There is none; those that there are have been named.
    """
    partners = client.partners.list()
    wanted = name.strip().casefold()
    found = [
        partner
        for partner in partners
        if wanted in {called.casefold() for called in (partner.agency_code, *partner.programs)}
    ]
    if len(found) == 1:
        return found[0]
    try:
        return client.partners.find(name)
    except UnknownPartner:
        if partners:
            known = ", ".join(partner.agency_code for partner in partners)
            remark(f"The partners of this agency: {known}.")
        raise


def talk(client: Client) -> SyncReport:
    """Do one pass with the relay, and say what stands in the way, if anything does."""
    with working("Asking the relay ..."):
        report = client.sync()
    for problem in report.problems:
        warn(str(problem))
    if report.waiting:
        remark(f"Not yet sent: {report.waiting}. They go out by themselves with the next command.")
    return report
