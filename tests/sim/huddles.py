"""Huddles in a run: opened, then joined, talked in, left, and usurped by one who takes part.

I6: whoever takes part sees the same members, and nobody shows what was said when they were none.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from quietway.errors import QuietwayError
from quietway.huddling.saying import say_to_seats
from quietway_schemas.content.crisis import HuddleMember

if TYPE_CHECKING:
    from tests.sim.device import Device
    from tests.sim.run import Run

    from quietway.views.crises import Crisis
    from quietway_schemas.ids import DeviceId

RELEASE = {
    "categories": ("narrative", "services", "status"),
    "purposes": ("crisis_response",),
    "scopes": ("huddle_participation",),
    "informed": ("alternatives", "benefits", "may_withdraw", "not_condition_of_service", "risks"),
}
DEEDS = 12


@dataclass
class Huddles:
    """The huddle of a run.

    Attributes:
        event: Its id; empty as long as there is none.
        heard_by: Of each text, who took part as its writer knew.
        smuggled: Whom one who may not has brought in.
    """

    run: Run
    event: bytes = b""
    heard_by: dict[str, set[DeviceId]] = field(default_factory=dict)
    smuggled: set[DeviceId] = field(default_factory=set)

    def begin(self) -> None:
        """Open one, and let everybody act in it."""
        opener = self.run.working[0]
        self.run.spawn(self.run.let(opener, self._open(opener), "opening a huddle"))

    async def _open(self, device: Device) -> None:
        run, client = self.run, device.client
        case = await client.cases.open()
        partners = [run.world.devices[code][0].agency for code in run.agencies]
        partners.remove(device.agency)
        for partner in partners:
            await client.consent.grant(case, partner, **RELEASE)
        self.event = await client.crises.activate(
            case, criteria=("imminent_harm",), event_type="survivor_request", partners=partners
        )
        run.history.note(f"{device.name} opens a huddle")
        for other in run.working:
            run.spawn(self._act(0, other, run.random.uniform(5, 200)))
        for number in range(DEEDS):
            run.spawn(self._act(number, run.random.choice(run.working), run.random.uniform(9, 800)))

    async def _act(self, number: int, device: Device, at: float) -> None:
        await asyncio.sleep(at)
        if device.client is None or self.run.is_healing or device in self.run.model.revoked:
            return
        await self.run.let(device, self._do(number, device), "in a huddle")

    async def _do(self, number: int, device: Device) -> None:
        run, crises = self.run, device.client.crises
        note = run.history.note
        try:
            crisis = await crises.show(self.event)
            members = {seat.device for seat in crisis.members}
            if device.device not in members:
                note(f"{device.name} answers the huddle")
                await crises.answer(self.event)
            elif number % 4 == 2 and not crisis.is_owner:
                await self._usurp(device, crisis)
            elif number % 4 == 2 and len(crisis.members) > 1:
                gone = run.random.choice(sorted(members - {device.device}))
                note(f"{device.name} puts one out of the huddle")
                await crises.remove(self.event, gone)
            elif number % 4 == 3:
                note(f"{device.name} leaves the huddle")
                await crises.leave(self.event)
            else:
                note(f"{device.name} says huddle {number}")
                self.heard_by[f"huddle {number}"] = members
                await crises.say(self.event, f"huddle {number}")
        except QuietwayError as problem:
            note(f"{device.name} can't in the huddle: {type(problem).__name__}")

    async def _usurp(self, device: Device, crisis: Crisis) -> None:
        """Say who takes part, as only the owner may: a colleague who was not let in does."""
        last, code = crisis.membership.last, self.run.code_of(device)
        idle = [held for held in self.run.world.devices[code] if held not in self.run.working]
        smuggled = HuddleMember(device=idle[0].device, role="observer")
        parties = tuple(
            party.model_copy(update={"members": _with(party.members, smuggled)})
            if party.agency == device.agency
            else party
            for party in last.content.parties
        )
        content = last.content.model_copy(
            update={
                "epoch": last.content.epoch + 1,
                "prev": last.name,
                "owner": device.device,
                "parties": parties,
                "change": "joined",
                "at": device.agent.clock.now(),
            }
        )
        self.smuggled.add(smuggled.device)
        self.run.history.note(f"{device.name} says that {idle[0].name} takes part")
        others = [seat for seat in crisis.members if seat.device != device.device]
        await say_to_seats(device.agent, crisis, content, others)
        self.run.history.counts["usurpers"] += 1

    async def judge(self) -> None:
        """I6: the same members everywhere, and nothing for those who were none."""
        run, seen, removed = self.run, {}, False
        owned: frozenset[DeviceId] = frozenset()
        for device in run.involved() if self.event else ():
            held = [one for one in await device.client.crises.list() if one.event_id == self.event]
            for crisis in held:
                members = frozenset(seat.device for seat in crisis.members)
                owned = members if crisis.is_owner else owned
                removed |= bool(crisis.membership.put_out or crisis.left)
                if members & self.smuggled:
                    run.history.break_promise(f"I6: {device.name} believes a usurper")
                if device.device in members:
                    seen[device.name] = members
                for said in crisis.messages:
                    heard = self.heard_by.get(said.text)
                    if heard is not None and device.device not in heard:
                        run.history.break_promise(f"I6: {device.name} shows {said.text!r}")
        run.history.counts["huddles"] += bool(seen)
        run.history.counts["huddles that somebody went out of"] += removed
        run.history.note(f"huddle of {sorted({len(held) for held in seen.values()})}")
        # Whoever was put out is not told, and may believe for ever that it takes part.
        within = {name: held for name, held in seen.items() if run.find(name).device in owned}
        if len(set(within.values())) > 1 and run.model.is_whole:
            sizes = {name: len(held) for name, held in within.items()}
            run.history.break_promise(f"I6: members differ: {sizes}")


def _with(members: tuple[HuddleMember, ...], one: HuddleMember) -> tuple[HuddleMember, ...]:
    return tuple(sorted((*members, one), key=lambda held: held.device))
