"""Opens the store for the length of one command, and tells how the talk with the relay went.

Spec: docs/reference/desk.md.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, assert_never

from quietway import (
    Client,
    ForkFound,
    LogUnproven,
    RelayRefused,
    RelayUnreachable,
    StorageFull,
    StoreMissing,
    UnknownOwnVersion,
    UnknownPartner,
    has_request,
    has_store,
)
from quietway_desk.naming import call_device
from quietway_desk.passphrase import read_passphrase
from quietway_desk.refusals import NotDone, NotJoined
from quietway_desk.screen import opening, remark, warn, working

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    import typer

    from quietway import LogAlarm, OwnDevicesChanged, Partner, SyncReport
    from quietway.content import AgencyId, MessageId, ReferralRef


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
    with opened_by_owner(context, accept_older_copy=accept_older_copy) as (client, _):
        yield client


@contextmanager
def opened_by_owner(
    context: typer.Context, *, accept_older_copy: bool = False
) -> Iterator[tuple[Client, str]]:
    """Open the store for what asks for its passphrase again, which was typed for this command.

    Raises:
        StoreError: As `opened`.
    """
    require_store()
    passphrase = read_passphrase(settings_of(context).passphrase_descriptor)
    with opening() as tell:
        client = Client.open(
            passphrase=passphrase, accept_older_copy=accept_older_copy, progress=tell
        )
    with client:
        yield client, passphrase


def require_store() -> None:
    """See that there is a device here, before anybody types a passphrase for nothing.

    Raises:
        NotJoined: It has asked to be let in. Nobody is told to found a second agency here.
        StoreMissing: There is none.
    """
    if has_request():
        raise NotJoined
    if not has_store():
        raise StoreMissing


def note_access(
    client: Client,
    action: Literal["open", "export"],
    *,
    messages: Iterable[MessageId] = (),
    referrals: Iterable[ReferralRef] = (),
) -> None:
    """Leave a line in the access log. Who has no room for it is told, and still sees what came."""
    try:
        client.access.record(action, messages=messages, referrals=referrals)
    except StorageFull:
        warn(
            "The disk is full: that you looked at this stands in no access log. Tell your auditor."
        )


@contextmanager
def needing_relay(not_done: str) -> Iterator[None]:
    """Say that something was not done, where the SDK says that what was written is kept.

    Raises:
        NotDone: The relay cannot be reached.
    """
    try:
        yield
    except RelayUnreachable:
        raise NotDone(not_done) from None


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


def tell_change(change: OwnDevicesChanged) -> str:
    """Say what changed about the agency's own devices, and what to do if nobody expected it."""
    new = ", ".join(call_device(device) for device in change.added)
    gone = ", ".join(call_device(device) for device in change.departed)
    parts = [f"new: {new}"] * bool(new) + [f"gone: {gone}"] * bool(gone)
    return (
        f"Your agency's devices have changed ({'; '.join(parts)}). If nobody expected that, call "
        "your ops holders now. Seen and right: quietway device list"
    )


def tell_alarm(alarm: LogAlarm, called: Mapping[AgencyId, str]) -> str:
    """Say what speaks against the relay's log, and what to do now.

    Args:
        alarm: What.
        called: The codes of the partners.
    """
    match alarm:
        case ForkFound():
            return (
                "The relay has shown two different directories, and the proof is here. Write it "
                "down: quietway log export FILE. Show it to your partners and to the relay's "
                "operator. Until you have seen to it (quietway log acknowledge), nothing new is "
                "taken from the relay's directory."
            )
        case LogUnproven():
            whose = called.get(alarm.agency, "your own agency")
            return (
                f"For a day the relay could not prove that {whose} sees the same directory as you. "
                "Call someone you know there: do both sides see the same words in quietway log "
                "show? Seen: quietway log acknowledge"
            )
        case UnknownOwnVersion():
            return (
                "The relay's log has a version of your agency's own list of devices that this "
                "device does not know. Ask each of your ops holders now whether it is theirs; if "
                "not, a key is in other hands. Seen: quietway log acknowledge"
            )
        case _:
            assert_never(alarm)


def talk(client: Client) -> SyncReport:
    """Do one pass with the relay, and say what stands in the way, if anything does."""
    report = _pass_on(client)
    for change in client.devices.changes():
        warn(tell_change(change))
    tell_alarms(client)
    return report


def tell_alarms(client: Client) -> None:
    """Tell every alarm about the relay's log that nobody has acknowledged."""
    called = {partner.agency_id: partner.agency_code for partner in client.partners.list()}
    for alarm in client.log.alarms():
        warn(tell_alarm(alarm, called))


def hand_over(client: Client, own: object = None) -> SyncReport:
    """Do one more pass, after something was done here.

    An alarm is for what nobody expected. So what changed by this command's own doing counts as
    seen, and what was told when the command began is not told again.

    Args:
        client: The device.
        own: The device that came or went by what was done here, or None.
    """
    report = _pass_on(client)
    for change in client.devices.changes():
        if own is not None and {*change.added, *change.departed} == {own}:
            client.devices.acknowledge(change)
    return report


def _pass_on(client: Client) -> SyncReport:
    with working("Asking the relay ..."):
        report = client.sync()
    for problem in report.problems:
        warn(str(problem))
    if any(_is_unknown_there(problem) for problem in report.problems):
        remark(
            "If your agency took this device away, that is why: ask an ops holder. It comes back "
            "as a new device, after `quietway wipe`."
        )
    if report.waiting:
        remark(f"Not yet sent: {report.waiting}. They go out by themselves with the next command.")
    return report


def _is_unknown_there(problem: object) -> bool:
    return isinstance(problem, RelayRefused) and problem.code == "not_authenticated"
