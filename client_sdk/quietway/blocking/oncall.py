"""The blocking face of who is on call: the same calls, waited for.

Spec: docs/reference/sdk.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from quietway.faces.oncall import USUAL_CALENDAR_DAYS, USUAL_GAP_DAYS

if TYPE_CHECKING:
    import builtins

    from quietway.blocking.loop import Loop
    from quietway.covering.showing import OnCall as OnCallShown
    from quietway.errors import QuietwayError
    from quietway.faces.oncall import AsyncOnCall
    from quietway.oncall.changes import OnCallChange
    from quietway.oncall.gaps import CoverGap
    from quietway.oncall.rota import Rota
    from quietway.speaking import Addressee
    from quietway_schemas.content.oncall import TierName
    from quietway_schemas.ids import DeviceId
    from quietway_schemas.instants import Instant


class OnCall:
    """Who is on call here and at partners."""

    def __init__(self, face: AsyncOnCall, loop: Loop) -> None:
        self._face = face
        self._loop = loop

    def set_rota(self, rota: Rota) -> tuple[CoverGap, ...]:
        """Set who is on call from now on; see `AsyncOnCall.set_rota`."""
        return self._loop.run(self._face.set_rota, rota)

    def rotas(self) -> builtins.list[Rota]:
        """List the rotas that count."""
        return self._loop.run(self._face.rotas)

    def show(self, at: Instant | None = None) -> OnCallShown:
        """Show whom an alert to this agency reaches; see `AsyncOnCall.show`."""
        return self._loop.run(self._face.show, at)

    def of(self, partner: Addressee, at: Instant | None = None) -> OnCallShown:
        """Show whom an alert to a partner reaches; see `AsyncOnCall.of`."""
        return self._loop.run(self._face.of, partner, at)

    def gaps(self, days: int = USUAL_GAP_DAYS) -> tuple[CoverGap, ...]:
        """List when nobody would be reached; see `AsyncOnCall.gaps`."""
        return self._loop.run(self._face.gaps, days)

    def changes(self) -> builtins.list[OnCallChange]:
        """List overrides and swaps."""
        return self._loop.run(self._face.changes)

    def override(
        self,
        tier: TierName,
        device: DeviceId,
        starts: Instant,
        ends: Instant,
        *,
        off: DeviceId | None = None,
    ) -> OnCallChange:
        """Put a device into a tier for some time; see `AsyncOnCall.override`."""
        return self._loop.run(self._face.override, tier, device, starts, ends, off=off)

    def offer_swap(
        self,
        to: DeviceId,
        starts: Instant,
        ends: Instant,
        *,
        back: tuple[Instant, Instant] | None = None,
    ) -> OnCallChange:
        """Offer a colleague this device's time on call; see `AsyncOnCall.offer_swap`."""
        return self._loop.run(self._face.offer_swap, to, starts, ends, back=back)

    def accept_swap(self, change_id: bytes) -> tuple[CoverGap, ...]:
        """Accept a swap that was offered to this device; see `AsyncOnCall.accept_swap`."""
        return self._loop.run(self._face.accept_swap, change_id)

    def withdraw(self, change_id: bytes) -> tuple[CoverGap, ...]:
        """Take an override or a swap back; see `AsyncOnCall.withdraw`."""
        return self._loop.run(self._face.withdraw, change_id)

    def calendar(self, days: int = USUAL_CALENDAR_DAYS) -> str:
        """Write who is on call as iCalendar; see `AsyncOnCall.calendar`."""
        return self._loop.run(self._face.calendar, days)

    def publish(self) -> QuietwayError | None:
        """Tell every partner now whom its alerts reach here; see `AsyncOnCall.publish`."""
        return self._loop.run(self._face.publish)
