"""Alerts as this store knows them: read by their tag, and by no other message.

Spec: docs/spec/alerts.md, "States".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from quietway.errors import NotFound
from quietway.history import list_tagged
from quietway.roles import keep_readable
from quietway.standing import OF_ANY_ALERT, of_alert
from quietway.views.alerts import Alert, fold_alerts

if TYPE_CHECKING:
    from quietway.agent import Agent
    from quietway.records import StoredMessage
    from quietway_schemas.ids import CaseRef

ID_BYTES: Final = 16


async def list_alerts(agent: Agent, *, exercise: bool = False) -> list[Alert]:
    """List the alerts that this device may show, oldest first: the real ones, or the drills."""
    said = keep_readable(agent, await list_tagged(agent, OF_ANY_ALERT))
    return [held for held in fold_here(agent, said) if held.exercise == exercise]


async def find_alert(agent: Agent, alert_id: bytes | str) -> Alert:
    """Find an alert by its id.

    Raises:
        NotFound: There is no such alert in this store.
    """
    said = keep_readable(agent, await list_tagged(agent, of_alert(read_alert_id(alert_id))))
    found = fold_here(agent, said)
    # Where somebody used one id for a drill as well, the real one is meant.
    for alert in sorted(found, key=lambda held: held.exercise):
        return alert
    raise NotFound("An alert by that id", "client.alerts.list")


async def list_of_case(agent: Agent, case: CaseRef, *, exercise: bool = False) -> list[Alert]:
    """List the alerts about a case, by one's own reference, that are not over."""
    found = await list_alerts(agent, exercise=exercise)
    return [held for held in found if held.case == case and held.state != "over"]


async def find_whatever(
    agent: Agent, alert_id: bytes, *, exercise: bool, held_back: bool = True
) -> Alert | None:
    """Find an alert whatever the roles here, and also what is held back: for its sender's watch."""
    said = await list_tagged(agent, of_alert(alert_id), held_back=held_back)
    return next((one for one in fold_here(agent, said) if one.exercise == exercise), None)


def fold_here(agent: Agent, said: list[StoredMessage]) -> tuple[Alert, ...]:
    """Fold what was said of alerts, as this device sees it now."""
    keyring = agent.keyring
    # No clock that somebody put on makes an alert over before its time.
    now = agent.clocks.end_by(agent.clock.now())
    return fold_alerts(said, me=keyring.agency, device=keyring.device, now=now)


def read_alert_id(alert_id: bytes | str) -> bytes:
    """Read an alert's id, as 16 bytes or as 32 hexadecimal digits.

    Raises:
        NotFound: It is neither.
    """
    try:
        found = bytes.fromhex(alert_id) if isinstance(alert_id, str) else alert_id
    except ValueError:
        found = b""
    if len(found) != ID_BYTES:
        raise NotFound("An alert by that id", "client.alerts.list")
    return found
