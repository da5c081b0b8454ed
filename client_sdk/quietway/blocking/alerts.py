"""The blocking face of alerts.

Spec: docs/reference/sdk.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import builtins
    from collections.abc import Sequence

    from quietway.alerting.phoning import PhoneScript
    from quietway.alerting.verifying import AlertBroadcast
    from quietway.blocking.loop import Loop
    from quietway.faces.alerts import AsyncAlerts, SentAlert
    from quietway.reports import Sent
    from quietway.views.alerts import Alert
    from quietway_schemas.ids import CaseRef, DeviceId


class Alerts:
    """Alerts: raised, claimed, verified."""

    def __init__(self, face: AsyncAlerts, loop: Loop) -> None:
        self._face = face
        self._loop = loop

    def send(
        self,
        case: CaseRef | str,
        code: str,
        *,
        urgency: str = "urgent",
        ladder: Sequence[int] = (0, 300, 600, 900),
        exercise: bool = False,
    ) -> SentAlert:
        """Call whoever is on call at the agency that leads a case; see `AsyncAlerts.send`."""
        return self._loop.run(
            self._face.send, case, code, urgency=urgency, ladder=ladder, exercise=exercise
        )

    def list(self, *, open_only: bool = True, exercise: bool = False) -> builtins.list[Alert]:
        """List the alerts that are here, oldest first; see `AsyncAlerts.list`."""
        return self._loop.run(self._face.list, open_only=open_only, exercise=exercise)

    def show(self, alert_id: bytes | str) -> Alert:
        """Show an alert; see `AsyncAlerts.show`."""
        return self._loop.run(self._face.show, alert_id)

    def claim(self, alert_id: bytes | str) -> Sent:
        """Say that the person at this device has it; see `AsyncAlerts.claim`."""
        return self._loop.run(self._face.claim, alert_id)

    def decline(self, alert_id: bytes | str, reason_code: str) -> Sent:
        """Say "not me"; see `AsyncAlerts.decline`."""
        return self._loop.run(self._face.decline, alert_id, reason_code)

    def hand_off(self, alert_id: bytes | str, to: DeviceId, reason_code: str) -> Sent:
        """Call a colleague's device first; see `AsyncAlerts.hand_off`."""
        return self._loop.run(self._face.hand_off, alert_id, to, reason_code)

    def release(self, alert_id: bytes | str, reason_code: str) -> Sent:
        """Say that nobody has it any more; see `AsyncAlerts.release`."""
        return self._loop.run(self._face.release, alert_id, reason_code)

    def verify(
        self, alert_id: bytes | str, source_class: str, result: str, *, basis: str | None = None
    ) -> Sent:
        """Say what a source says of an alert; see `AsyncAlerts.verify`."""
        return self._loop.run(self._face.verify, alert_id, source_class, result, basis=basis)

    def second(self, alert_id: bytes | str) -> Sent:
        """Stand by somebody else's judgement; see `AsyncAlerts.second`."""
        return self._loop.run(self._face.second, alert_id)

    def broadcasts(self, alert_id: bytes | str) -> builtins.list[AlertBroadcast]:
        """List to whom more was told of an alert; see `AsyncAlerts.broadcasts`."""
        return self._loop.run(self._face.broadcasts, alert_id)

    def phone_script(self, alert_id: bytes | str) -> PhoneScript:
        """Say whom to phone, and in which words; see `AsyncAlerts.phone_script`."""
        return self._loop.run(self._face.phone_script, alert_id)
