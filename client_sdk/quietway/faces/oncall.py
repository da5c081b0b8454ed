"""Who is on call: the rota and its changes, whom an alert reaches, and who was heard.

Spec: docs/spec/on-call.md; docs/reference/sdk.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from quietway.covering.deciding import answer_change, say_change, set_rota
from quietway.covering.judging import list_gaps
from quietway.covering.publishing import publish_where_due
from quietway.covering.showing import show_on_call
from quietway.errors import ContentRefused
from quietway.oncall.ical import write_calendar
from quietway.oncall.rota import read_rota
from quietway.speaking import find_agencies
from quietway_schemas.content.oncall import HORIZON_MS
from quietway_schemas.instants import DAY

if TYPE_CHECKING:
    import builtins

    from quietway.agent import Agent
    from quietway.covering.showing import OnCall
    from quietway.errors import QuietwayError
    from quietway.oncall.changes import OnCallChange
    from quietway.oncall.gaps import CoverGap
    from quietway.oncall.rota import Rota
    from quietway.speaking import Addressee
    from quietway_schemas.content.oncall import TierName
    from quietway_schemas.ids import DeviceId
    from quietway_schemas.instants import Instant

USUAL_GAP_DAYS: Final = HORIZON_MS // DAY
USUAL_CALENDAR_DAYS: Final = 28
_MOST_DAYS: Final = 366


class AsyncOnCall:
    """Who is on call here and at partners."""

    def __init__(self, agent: Agent) -> None:
        self._agent = agent

    async def set_rota(self, rota: Rota) -> tuple[CoverGap, ...]:
        """Set who is on call from now on; it takes the place of every rota that is known here.

        Returns:
            The gaps of the next two weeks. A rota with gaps counts all the same.

        Raises:
            ContentRefused: It breaks a rule; V06 among them: one primary, one backup or more, and
                nobody twice. Nothing was changed.
            RoleRefused: This device has no role that receives alerts. The same.
            StorageFull: The same.
        """
        return await set_rota(self._agent, rota)

    async def rotas(self) -> builtins.list[Rota]:
        """List the rotas that count: none, one, or several where people set them at one time."""
        return [read_rota(held) for held in self._agent.oncall.versions]

    async def show(self, at: Instant | None = None) -> OnCall:
        """Show whom an alert to this agency reaches, and when each of them was heard last.

        Args:
            at: At this moment; None for now.
        """
        agent = self._agent
        return show_on_call(agent, agent.keyring.agency, agent.clock.now() if at is None else at)

    async def of(self, partner: Addressee, at: Instant | None = None) -> OnCall:
        """Show whom an alert to a partner reaches, by what it published, or by roles.

        Args:
            partner: By its code, id or label.
            at: At this moment; None for now.

        Raises:
            UnknownPartner: There is no such partner.
        """
        (agency,) = find_agencies(self._agent, partner)
        return show_on_call(self._agent, agency, self._agent.clock.now() if at is None else at)

    async def gaps(self, days: int = USUAL_GAP_DAYS) -> tuple[CoverGap, ...]:
        """List when nobody would be reached as primary or backup, the earliest first.

        Args:
            days: How far to look ahead, 1 to 366.

        Raises:
            ContentRefused: That is none.
        """
        return list_gaps(self._agent, ahead_ms=_read_days(days))

    async def changes(self) -> builtins.list[OnCallChange]:
        """List overrides and swaps, also those that are offered or were withdrawn."""
        return list(self._agent.oncall.list_changes())

    async def override(
        self,
        tier: TierName,
        device: DeviceId,
        starts: Instant,
        ends: Instant,
        *,
        off: DeviceId | None = None,
    ) -> OnCallChange:
        """Put a device into a tier for some time. It counts at once.

        Args:
            tier: `primary`, `backup`, `supervisor` or `leadership`.
            device: Who stands there. A former primary becomes a backup, unless named `off`.
            starts: From when, milliseconds since 1970-01-01T00:00:00Z.
            ends: Until when; 62 days later at most.
            off: Who is on call in no tier meanwhile.

        Raises:
            ContentRefused: A time or a device is none that may stand there. Nothing was changed.
            RoleRefused, StorageFull: The same.
        """
        said = {"tier": tier, "on": device, "off": off, "starts": starts, "ends": ends}
        change, _ = await say_change(self._agent, kind="override", **said)
        return change

    async def offer_swap(
        self,
        to: DeviceId,
        starts: Instant,
        ends: Instant,
        *,
        back: tuple[Instant, Instant] | None = None,
    ) -> OnCallChange:
        """Offer a colleague this device's time on call. It counts once they accept.

        Args:
            to: Their device.
            starts: From when they take over.
            ends: Until when.
            back: From when until when this device takes over from theirs in return.

        Raises:
            ContentRefused, RoleRefused, StorageFull: As for `override`.
        """
        back_starts, back_ends = (None, None) if back is None else back
        change, _ = await say_change(
            self._agent,
            kind="offer",
            off=self._agent.keyring.device,
            on=to,
            starts=starts,
            ends=ends,
            back_starts=back_starts,
            back_ends=back_ends,
        )
        return change

    async def accept_swap(self, change_id: bytes) -> tuple[CoverGap, ...]:
        """Accept a swap that was offered to this device.

        Returns:
            The gaps that stand then.

        Raises:
            NotFound: There is none, or it was withdrawn.
            ContentRefused: It was offered to somebody else.
            RoleRefused, StorageFull: Nothing was changed.
        """
        return await answer_change(self._agent, change_id, "accept")

    async def withdraw(self, change_id: bytes) -> tuple[CoverGap, ...]:
        """Take an override or a swap back, or decline one; final.

        Raises:
            NotFound: There is none, or it was withdrawn.
            RoleRefused, StorageFull: Nothing was changed.
        """
        return await answer_change(self._agent, change_id, "withdraw")

    async def calendar(self, days: int = USUAL_CALENDAR_DAYS) -> str:
        """Write who is on call as iCalendar (RFC 5545): tiers, programs and times, and no case.

        Args:
            days: How far ahead, 1 to 366.

        Raises:
            ContentRefused: That is none, or there is no rota.
        """
        agent = self._agent
        if not agent.oncall.has_rota:
            raise ContentRefused("rota", "is not set: set one first.")
        now = agent.clock.now()
        layout = agent.oncall.lay_out(now, now + _read_days(days))
        programs = {
            held.device: held.program for held in agent.directory.devices_of(agent.keyring.agency)
        }
        zone = agent.oncall.versions[0].time_zone
        return write_calendar(layout, zone=zone, programs=programs, now=now)

    async def publish(self) -> QuietwayError | None:
        """Tell every partner now whom its alerts reach here. It is done by itself where it is due.

        Returns:
            What was in the way of sending, if anything; it goes out later then.
        """
        problems = await publish_where_due(self._agent, everyone=True)
        return problems[0] if problems else None


def _read_days(days: int) -> int:
    if not 1 <= days <= _MOST_DAYS:
        raise ContentRefused("days", f"is not 1 to {_MOST_DAYS}.")
    return days * DAY
