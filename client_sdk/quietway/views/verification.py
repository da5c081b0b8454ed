"""How far an alert is verified, and by whom: the table's states, by the words of different people.

Rules: nobody corroborates what they raised themselves (V23), and nobody counts twice for the same.
Who speaks is of the agency that raised the alert, or of the one that was called. Judgement counts
with a second person's word, who is neither of the two; until then it is shown and changes nothing.

Spec: docs/spec/alerts.md, "Verification".
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from quietway_schemas.content.alert import AlertVerify, AlertVerifySecond
from quietway_schemas.content.alert_states import VERIFICATION_AFTER

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from quietway.records import StoredMessage
    from quietway_schemas.ids import AgencyId, DeviceId, MessageId
    from quietway_schemas.instants import Instant

UNVERIFIED: Final = "unverified"


@dataclass(frozen=True, slots=True)
class AlertVerified:
    """What one person said of an alert, by which class of source.

    Attributes:
        message_id: Its name, by which a second person stands by it; None until it was sent.
        agency: Of whom.
        device: Of whom.
        at: When they said so.
        source_class: A code of the list `verification_source`.
        result: `supports` or `contradicts`.
        basis: `professional_judgement`; None where the source itself speaks.
        second: The device of the second person, where it takes one and there is one.
        counted: Whether it changed the state, or may still be what it rests on.
    """

    message_id: MessageId | None
    agency: AgencyId
    device: DeviceId
    at: Instant
    source_class: str
    result: str
    basis: str | None = None
    second: DeviceId | None = None
    counted: bool = False

    @property
    def awaits_second(self) -> bool:
        """Whether it counts as soon as a second person stands by it."""
        return self.basis is not None and self.second is None


def fold_verification(
    messages: Iterable[StoredMessage],
    *,
    raised_by: DeviceId,
    agencies: Collection[AgencyId],
    me: DeviceId,
) -> tuple[str, tuple[AlertVerified, ...]]:
    """Say how far an alert is verified, and give all that was said of that.

    Args:
        messages: What was said of this alert, in any order.
        raised_by: The device that raised it.
        agencies: The one that raised it and the one that was called.
        me: This device.
    """
    said = sorted((held for held in messages if _speaks(held, agencies)), key=_rank)
    seconds = _find_seconds(said, me)
    state, steps = UNVERIFIED, []
    heard: set[tuple[DeviceId, str]] = set()
    for held in said:
        if not isinstance(held.content, AlertVerify):
            continue
        step = _show(held, held.content, me)
        others = (one for one in seconds.get(step.message_id, ()) if one != raised_by)
        step = replace(step, second=next((one for one in others if one != step.device), None))
        may = _is_another(step.device, raised_by) and not step.awaits_second
        if may and (step.device, step.result) not in heard:
            heard.add((step.device, step.result))
            state = VERIFICATION_AFTER[step.result][state]
            step = replace(step, counted=True)
        steps.append(step)
    return state, tuple(steps)


def _is_another(device: DeviceId, raised_by: DeviceId) -> bool:
    return device != raised_by


def _speaks(message: StoredMessage, agencies: Collection[AgencyId]) -> bool:
    kinds = AlertVerify | AlertVerifySecond
    is_revoked = message.sender_standing == "revoked"
    return isinstance(message.content, kinds) and message.agency in agencies and not is_revoked


def _find_seconds(
    said: Iterable[StoredMessage], me: DeviceId
) -> dict[MessageId | None, list[DeviceId]]:
    found: dict[MessageId | None, list[DeviceId]] = {}
    for held in said:
        if isinstance(held.content, AlertVerifySecond):
            found.setdefault(held.content.verification, []).append(held.device or me)
    return found


def _show(message: StoredMessage, content: AlertVerify, me: DeviceId) -> AlertVerified:
    return AlertVerified(
        message_id=message.message_id,
        agency=message.agency,
        device=message.device or me,
        at=message.said_at,
        source_class=content.source_class,
        result=content.result,
        basis=content.basis,
    )


def _rank(message: StoredMessage) -> tuple[int, bytes, bytes]:
    return message.said_at, message.core_hash, message.key
