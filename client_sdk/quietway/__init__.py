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
    from quietway.blocking import Client
    from quietway.client import AsyncClient
    from quietway.errors import (
        ClockError,
        ContentRefused,
        DirectoryRefused,
        IdentityChanged,
        ImportRefused,
        InsecureRelay,
        NotFound,
        PassphraseTooWeak,
        QuietwayError,
        RelayError,
        RelayRefused,
        RelayUnreachable,
        StorageFull,
        StoreDamaged,
        StoreError,
        StoreExists,
        StoreInUse,
        StoreMissing,
        StoreRolledBack,
        StoreTooNew,
        TrustError,
        UnknownPartner,
        Unreachable,
        WrongPassphrase,
    )
    from quietway.events import (
        ConnectionBack,
        ConnectionLost,
        DeadLettered,
        Event,
        GapSeen,
        Received,
        SentStored,
    )
    from quietway.having import has_store
    from quietway.partners import Invitation, Partner
    from quietway.reports import (
        Finding,
        OutboxEntry,
        OutboxState,
        Sent,
        SyncProgress,
        SyncReport,
    )
    from quietway.views.board import StatusEntry
    from quietway.views.referrals import Referral, ReferralStep
    from quietway_crypto.passphrase import PassphraseParameters

_HOMES: Final = {
    "quietway.blocking": ("Client",),
    "quietway.client": ("AsyncClient",),
    "quietway.errors": (
        "ClockError",
        "ContentRefused",
        "DirectoryRefused",
        "IdentityChanged",
        "ImportRefused",
        "InsecureRelay",
        "NotFound",
        "PassphraseTooWeak",
        "QuietwayError",
        "RelayError",
        "RelayRefused",
        "RelayUnreachable",
        "StorageFull",
        "StoreDamaged",
        "StoreError",
        "StoreExists",
        "StoreInUse",
        "StoreMissing",
        "StoreRolledBack",
        "StoreTooNew",
        "TrustError",
        "UnknownPartner",
        "Unreachable",
        "WrongPassphrase",
    ),
    "quietway.events": (
        "ConnectionBack",
        "ConnectionLost",
        "DeadLettered",
        "Event",
        "GapSeen",
        "Received",
        "SentStored",
    ),
    "quietway.having": ("has_store",),
    "quietway.partners": ("Invitation", "Partner"),
    "quietway.reports": (
        "Finding",
        "OutboxEntry",
        "OutboxState",
        "Sent",
        "SyncProgress",
        "SyncReport",
    ),
    "quietway.views.board": ("StatusEntry",),
    "quietway.views.referrals": ("Referral", "ReferralStep"),
    "quietway_crypto.passphrase": ("PassphraseParameters",),
}
_HOME_OF: Final = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
    "AsyncClient",
    "Client",
    "ClockError",
    "ConnectionBack",
    "ConnectionLost",
    "ContentRefused",
    "DeadLettered",
    "DirectoryRefused",
    "Event",
    "Finding",
    "GapSeen",
    "IdentityChanged",
    "ImportRefused",
    "InsecureRelay",
    "Invitation",
    "NotFound",
    "OutboxEntry",
    "OutboxState",
    "Partner",
    "PassphraseParameters",
    "PassphraseTooWeak",
    "QuietwayError",
    "Received",
    "Referral",
    "ReferralStep",
    "RelayError",
    "RelayRefused",
    "RelayUnreachable",
    "Sent",
    "SentStored",
    "StatusEntry",
    "StorageFull",
    "StoreDamaged",
    "StoreError",
    "StoreExists",
    "StoreInUse",
    "StoreMissing",
    "StoreRolledBack",
    "StoreTooNew",
    "SyncProgress",
    "SyncReport",
    "TrustError",
    "UnknownPartner",
    "Unreachable",
    "WrongPassphrase",
    "__version__",
    "has_store",
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
