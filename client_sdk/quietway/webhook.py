"""What a webhook says, and how a receiver knows that it is true: a body, a time, a signature.

A body tells that something happened, with ids and times, and never what was said: whoever gets it
asks the client for that.

Rules: this file has no clock and no network. The signature covers the time and the exact bytes, so
neither a body that was changed nor one of yesterday is believed.

Spec: docs/reference/webhook.md.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, get_args

from quietway.errors import ContentRefused, WebhookRefused
from quietway.events import (
    AgencyGone,
    AgreementSigned,
    AlertClaimed,
    AlertRaised,
    AlertReleased,
    AlertsDigested,
    AlertUnanswered,
    ConsentChanged,
    CrisisCalled,
    DeadLettered,
    DeviceLeaving,
    DeviceProposed,
    DrillInject,
    Event,
    ExpiredUnread,
    ForkFound,
    GapSeen,
    HeldBack,
    LogUnproven,
    OnCallGap,
    OnCallUnreachable,
    PartnerStandingChanged,
    Quarantined,
    Received,
    RollbackSilent,
    SentStored,
    SnapshotOffered,
    SnapshotTaken,
    ToldOtherwise,
    UnknownOwnVersion,
)
from quietway_crypto.encoding import encode_base64
from quietway_schemas.instants import MINUTE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from quietway_schemas.instants import Instant

SIGNATURE_HEADER: Final = "quietway-signature"
FEWEST_SECRET_CHARACTERS: Final = 32
OLDEST_MS: Final = 5 * MINUTE
"""How far the time of a signature may be from the receiver's."""

_FORM: Final = re.compile(r"t=(\d{1,15}),v1=([0-9a-f]{64})")
EVENT_FIELDS: Final[Mapping[type, tuple[str, ...]]] = {
    AgencyGone: ("agency",),
    AgreementSigned: ("agreement",),
    AlertClaimed: ("alert_id", "agency", "device"),
    AlertRaised: ("alert_id", "agency"),
    AlertReleased: ("alert_id",),
    AlertUnanswered: ("alert_id",),
    AlertsDigested: ("agency",),
    ConsentChanged: ("agency",),
    CrisisCalled: ("event_id", "agency"),
    DeadLettered: (),
    DeviceLeaving: ("device",),
    DeviceProposed: ("device", "proposed_by"),
    DrillInject: ("drill_id", "number"),
    ExpiredUnread: ("local_id", "message_id", "conversation"),
    ForkFound: ("fork_id",),
    GapSeen: ("message_id", "conversation"),
    HeldBack: ("agency",),
    LogUnproven: ("agency",),
    OnCallGap: ("starts", "ends"),
    OnCallUnreachable: ("since",),
    PartnerStandingChanged: ("partner",),
    Quarantined: ("message_id", "sender_agency"),
    Received: ("message_id", "conversation", "sender_agency", "sent_at"),
    RollbackSilent: ("order_id", "agency"),
    SentStored: ("local_id",),
    SnapshotOffered: ("snapshot_id", "to"),
    SnapshotTaken: ("snapshot_id",),
    ToldOtherwise: ("message_id", "conversation", "sender_agency"),
    UnknownOwnVersion: ("manifest_hash",),
}
"""The ids and times of each event that has any. Of what has no row here, the name alone is told."""

EVENT_NAMES: Final[Mapping[type, str]] = {
    event: re.sub(r"(?<!^)(?=[A-Z])", "_", event.__name__).lower() for event in get_args(Event)
}
"""What each event is called in a webhook: `Received` is `received`, `HeldBack` `held_back`."""


@dataclass(frozen=True, slots=True)
class WebhookEvent:
    """What a receiver was told.

    Attributes:
        event: `received`, `consent_changed` and so on; `started` or `missed` where the receiver
            should look at everything anew.
        run: Names the forwarding that it comes from; another one begins to count anew.
        number: 1, 2, 3 and so on within a run. One that comes twice has the same number.
        at: When it happened, milliseconds since 1970-01-01T00:00:00Z.
        ids: Ids and times, by name: `message_id`, `conversation`, `sender_agency` and so on.
    """

    event: str
    run: str
    number: int
    at: Instant
    ids: Mapping[str, Any]


def describe_event(event: Event) -> tuple[str, dict[str, Any]]:
    """Give an event's name in a webhook, and the ids and times that go with it."""
    fields = EVENT_FIELDS.get(type(event), ())
    return EVENT_NAMES[type(event)], {name: _write(getattr(event, name)) for name in fields}


def write_body(event: str, ids: Mapping[str, Any], *, run: str, number: int, at: Instant) -> bytes:
    """Write the body that tells of an event."""
    body = {"at": at, "event": event, "ids": ids, "number": number, "run": run}
    return json.dumps(body, separators=(",", ":"), sort_keys=True).encode("ascii")


def check_secret(secret: str) -> None:
    """Make sure that nobody guesses a secret.

    Raises:
        ContentRefused: It is shorter than 32 characters.
    """
    if len(secret) < FEWEST_SECRET_CHARACTERS:
        raise ContentRefused("secret", "is shorter than 32 characters: draw one at random.")


def sign_body(secret: str, body: bytes, at: Instant) -> str:
    """Sign a body: the value of the header `Quietway-Signature`.

    Args:
        secret: What sender and receiver share.
        body: As it is sent.
        at: When it is sent.
    """
    return f"t={at},v1={_compute(secret, body, at)}"


def read_webhook(secret: str, body: bytes, signature: str, *, now: Instant) -> WebhookEvent:
    """Read what a webhook says, if it comes from who knows the secret, and lately.

    Args:
        secret: What was given to `client.forward_events`.
        body: The exact bytes of the request's body.
        signature: The value of its header `Quietway-Signature`; empty where there is none.
        now: The receiver's time, milliseconds since 1970-01-01T00:00:00Z: `client.now()`.

    Raises:
        WebhookRefused: It is somebody else's, was changed, or is older than five minutes.
    """
    form = _FORM.fullmatch(signature)
    if form is None:
        raise WebhookRefused("it carries no signature")
    at = int(form[1])
    if not is_signed(secret, body, at, form[2]):
        raise WebhookRefused("its signature is by another secret, or it was changed")
    if abs(now - at) > OLDEST_MS:
        raise WebhookRefused("it is older than five minutes, or a clock is wrong")
    told = json.loads(body)
    return WebhookEvent(told["event"], told["run"], told["number"], told["at"], told["ids"])


def is_signed(secret: str, body: bytes, at: Instant, signature: str) -> bool:
    """Say whether a signature is the one of these bytes at this time."""
    return hmac.compare_digest(_compute(secret, body, at), signature)


def _compute(secret: str, body: bytes, at: Instant) -> str:
    signed = f"{at}.".encode("ascii") + body
    return hmac.new(secret.encode("utf-8"), signed, hashlib.sha256).hexdigest()


def _write(value: object) -> object:
    if isinstance(value, bytes):
        return encode_base64(value)
    return value if isinstance(value, int) else str(value)
