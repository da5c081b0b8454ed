"""quietway: agencies that protect survivors coordinate, and the relay reads nothing.

    from quietway import Client

    with Client.open(passphrase=passphrase) as client:
        client.sync()
        for received in client.inbox():
            print(received.sender_program, received.content.type)

`Client` blocks, `AsyncClient` awaits; both do the same. `quietway.content` has what can be said,
`quietway.codes` the code lists, `quietway.testing` a relay and a clock for a program's own tests.
Names are loaded when they are first used, so that importing quietway costs next to nothing.

Spec: docs/reference/sdk.md.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Final

from quietway._version import __version__

if TYPE_CHECKING:
    from quietway.backup import Backup
    from quietway.blocking.client import Client, LockedDevice
    from quietway.client import AsyncClient, AsyncLockedDevice
    from quietway.errors import (
        BackupExists,
        BackupRefused,
        ClockDoubted,
        ClockError,
        ContentRefused,
        DeviceLocked,
        DirectoryRefused,
        DirectoryStale,
        FingerprintDiffers,
        IdentityChanged,
        ImportRefused,
        InsecureRelay,
        LinkRefused,
        MembershipError,
        NotAgencyOwned,
        NotFound,
        NotYetApproved,
        OpsKeyMissing,
        OutpacedByColleague,
        PassphraseTooWeak,
        PepperMissing,
        QuietwayError,
        RecoveryError,
        RecoveryFileRefused,
        RelayError,
        RelayRefused,
        RelayUnreachable,
        RoleRefused,
        RootOffline,
        SecretAwaited,
        SnapshotAwaited,
        SnapshotRefused,
        StorageFull,
        StoreDamaged,
        StoreError,
        StoreExists,
        StoreInUse,
        StoreMissing,
        StoreRolledBack,
        StoreTooNew,
        TooFewCustodians,
        TrustError,
        UnknownPartner,
        Unreachable,
        WordsRefused,
        WrongPassphrase,
    )
    from quietway.events import (
        ConnectionBack,
        ConnectionLost,
        DeadLettered,
        DeviceLeaving,
        DeviceProposed,
        ErasingPaused,
        Event,
        GapSeen,
        OwnDevicesChanged,
        Quarantined,
        Received,
        SentStored,
        SnapshotOffered,
        SnapshotTaken,
    )
    from quietway.hardening import Hardened, harden_process
    from quietway.having import has_request, has_store
    from quietway.linking import DeviceOffer, DeviceRequest
    from quietway.own.deciding import Added, Offered, WaitsForSecond
    from quietway.own.holders import AgencyStanding
    from quietway.own.members import OwnDevice
    from quietway.own.proposals import Proposal
    from quietway.own.reviews import Review, ReviewLine
    from quietway.own.snapshot_rows import SnapshotOffer
    from quietway.partners import Invitation, Partner
    from quietway.recovery import Custodian, make_custodian
    from quietway.recovery_file import RecoveryFile
    from quietway.reports import (
        Finding,
        LegalHold,
        OutboxEntry,
        OutboxState,
        Sent,
        SweepReport,
        SyncProgress,
        SyncReport,
    )
    from quietway.sheet import RecoverySheet
    from quietway.views.board import StatusEntry
    from quietway.views.referrals import Referral, ReferralStep
    from quietway.wiping import Wiped
    from quietway_crypto.passphrase import PassphraseParameters

_HOMES: Final = {
    "quietway.blocking.client": ("Client", "LockedDevice"),
    "quietway.client": ("AsyncClient", "AsyncLockedDevice"),
    "quietway.errors": (
        "BackupExists",
        "BackupRefused",
        "ClockDoubted",
        "ClockError",
        "ContentRefused",
        "DeviceLocked",
        "DirectoryRefused",
        "DirectoryStale",
        "FingerprintDiffers",
        "IdentityChanged",
        "ImportRefused",
        "InsecureRelay",
        "LinkRefused",
        "MembershipError",
        "NotAgencyOwned",
        "NotFound",
        "NotYetApproved",
        "OpsKeyMissing",
        "OutpacedByColleague",
        "PassphraseTooWeak",
        "PepperMissing",
        "QuietwayError",
        "RecoveryError",
        "RecoveryFileRefused",
        "RelayError",
        "RelayRefused",
        "RelayUnreachable",
        "RoleRefused",
        "SecretAwaited",
        "SecretAwaited",
        "RootOffline",
        "SnapshotAwaited",
        "SnapshotRefused",
        "StorageFull",
        "StoreDamaged",
        "StoreError",
        "StoreExists",
        "StoreInUse",
        "StoreMissing",
        "StoreRolledBack",
        "StoreTooNew",
        "TooFewCustodians",
        "TrustError",
        "UnknownPartner",
        "Unreachable",
        "WordsRefused",
        "WrongPassphrase",
    ),
    "quietway.events": (
        "ConnectionBack",
        "ConnectionLost",
        "DeadLettered",
        "DeviceLeaving",
        "DeviceProposed",
        "ErasingPaused",
        "Event",
        "GapSeen",
        "OwnDevicesChanged",
        "Quarantined",
        "Received",
        "SentStored",
        "SnapshotOffered",
        "SnapshotTaken",
    ),
    "quietway.hardening": ("Hardened", "harden_process"),
    "quietway.having": ("has_request", "has_store"),
    "quietway.linking": ("DeviceOffer", "DeviceRequest"),
    "quietway.own.deciding": ("Added", "Offered", "WaitsForSecond"),
    "quietway.own.holders": ("AgencyStanding",),
    "quietway.own.members": ("OwnDevice",),
    "quietway.own.proposals": ("Proposal",),
    "quietway.own.reviews": ("Review", "ReviewLine"),
    "quietway.own.snapshot_rows": ("SnapshotOffer",),
    "quietway.partners": ("Invitation", "Partner"),
    "quietway.recovery": ("Custodian", "make_custodian"),
    "quietway.recovery_file": ("RecoveryFile",),
    "quietway.reports": (
        "Finding",
        "LegalHold",
        "OutboxEntry",
        "OutboxState",
        "Sent",
        "SweepReport",
        "SyncProgress",
        "SyncReport",
    ),
    "quietway.sheet": ("RecoverySheet",),
    "quietway.views.board": ("StatusEntry",),
    "quietway.views.referrals": ("Referral", "ReferralStep"),
    "quietway.wiping": ("Wiped",),
    "quietway_crypto.passphrase": ("PassphraseParameters",),
    "quietway.backup": ("Backup",),
}
_HOME_OF: Final = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
    "Added",
    "AgencyStanding",
    "AsyncClient",
    "AsyncLockedDevice",
    "Backup",
    "BackupExists",
    "BackupRefused",
    "Client",
    "ClockDoubted",
    "ClockError",
    "ConnectionBack",
    "ConnectionLost",
    "ContentRefused",
    "Custodian",
    "DeadLettered",
    "DeviceLeaving",
    "DeviceLocked",
    "DeviceOffer",
    "DeviceProposed",
    "DeviceRequest",
    "DirectoryRefused",
    "DirectoryStale",
    "ErasingPaused",
    "Event",
    "Finding",
    "FingerprintDiffers",
    "GapSeen",
    "Hardened",
    "IdentityChanged",
    "ImportRefused",
    "InsecureRelay",
    "Invitation",
    "LegalHold",
    "LinkRefused",
    "LockedDevice",
    "MembershipError",
    "NotAgencyOwned",
    "NotFound",
    "NotYetApproved",
    "Offered",
    "OpsKeyMissing",
    "OutboxEntry",
    "OutboxState",
    "OutpacedByColleague",
    "OwnDevice",
    "OwnDevicesChanged",
    "Partner",
    "PassphraseParameters",
    "PassphraseTooWeak",
    "PepperMissing",
    "Proposal",
    "Quarantined",
    "QuietwayError",
    "Received",
    "RecoveryError",
    "RecoveryFile",
    "RecoveryFileRefused",
    "RecoverySheet",
    "Referral",
    "ReferralStep",
    "RelayError",
    "RelayRefused",
    "RelayUnreachable",
    "Review",
    "ReviewLine",
    "RoleRefused",
    "RootOffline",
    "SecretAwaited",
    "Sent",
    "SentStored",
    "SnapshotAwaited",
    "SnapshotOffer",
    "SnapshotOffered",
    "SnapshotRefused",
    "SnapshotTaken",
    "StatusEntry",
    "StorageFull",
    "StoreDamaged",
    "StoreError",
    "StoreExists",
    "StoreInUse",
    "StoreMissing",
    "StoreRolledBack",
    "StoreTooNew",
    "SweepReport",
    "SyncProgress",
    "SyncReport",
    "TooFewCustodians",
    "TrustError",
    "UnknownPartner",
    "Unreachable",
    "WaitsForSecond",
    "Wiped",
    "WordsRefused",
    "WrongPassphrase",
    "__version__",
    "harden_process",
    "has_request",
    "has_store",
    "make_custodian",
]


def __getattr__(name: str) -> object:
    home = _HOME_OF.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found: object = getattr(import_module(home), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted(__all__)
