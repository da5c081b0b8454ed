"""One seed: people work while everything goes wrong; then it is healed, and judged."""

from __future__ import annotations

import asyncio
import random
import traceback
from contextlib import aclosing, suppress
from typing import TYPE_CHECKING, Any

from tests.sim.device import Crashed
from tests.sim.history import History
from tests.sim.hostile import WorldTap
from tests.sim.huddles import Huddles
from tests.sim.model import Model
from tests.sim.people import People
from tests.sim.relay import end_relay, make_relay
from tests.sim.watching import LadderBook
from tests.sim.weather import Weather

from quietway.content import CaseRef
from quietway.engine.state import Progress
from quietway.errors import ContentRefused, QuietwayError
from quietway.events import AlertRaised, AlertUnanswered, Received
from quietway.history import list_as_said

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from tests.sim.device import Device
    from tests.sim.model import Called
    from tests.sim.wire import Wire
    from tests.sim.world import World

    from quietway.events import Event
    from quietway.views.alerts import Alert
    from quietway_schemas.envelope import Header
    from quietway_schemas.ids import ConversationId

SECONDS = 1_200
HEALING_SECONDS = 200
RESTS = (1, 60, 300, 1_200, 3_700)
"""Who was refused waits for an hour at most before it asks again."""


class Run:
    """One seed in one world."""

    def __init__(self, world: World, seed: int, *, huddles: bool = False) -> None:
        self.world, self.seed = world, seed
        self.loop = world.loop
        self.random = random.Random(seed)
        self.history = History(world.loop)
        self.model = Model()
        self.conversations: dict[frozenset[str], ConversationId] = {}
        self.is_healing = False
        self.ladders = LadderBook(self.history)
        self.unpublished: list[tuple[Device, Device]] = []
        self.tap = WorldTap(self)
        self.huddles = Huddles(self) if huddles else None
        self.tasks: set[asyncio.Task[Any]] = set()
        codes = list(world.devices)
        self.agencies = sorted(
            self.random.sample(codes, min(len(codes), self.random.choice((2, 2, 3))))
        )
        self.working: list[Device] = []
        for code in self.agencies:
            held = world.devices[code]
            self.working += self.random.sample(held, min(len(held), self.random.randint(2, 3)))

    async def play(self) -> History:
        """Play it to its end."""
        self._begin()
        await asyncio.sleep(SECONDS)
        await self._heal()
        await self._judge()
        for task in tuple(self.tasks):
            task.cancel()
        return self.history

    def _begin(self) -> None:
        seed = self.seed
        self.loop.random = random.Random(f"{seed} order")
        self.loop.set_exception_handler(self._met)
        self.world.entropy.reseed(f"{seed} relay")
        self.world.site.core.store.arrived = self.ladders.arrive
        for device in self.world.every():
            device.tap = self.tap
            device.entropy.reseed(f"{seed} {device.name}")
            device.link.random = random.Random(f"{seed} {device.name} link")
        self.history.note(f"seed {seed}: {' '.join(device.name for device in self.working)}")
        self._run_relay()
        for device in self.working:
            self.spawn(self._keep_alive(device))
        self.weather, self.people = Weather(self), People(self)
        self.tap.lies = bool(self.weather.mood.lies)
        self.weather.begin()
        self.people.begin()
        if self.huddles is not None:
            self.huddles.begin()

    def spawn(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Start something of the run's own."""
        task = self.loop.create_task(work)
        self.tasks.add(task)
        task.add_done_callback(self._done)
        return task

    def _done(self, task: asyncio.Task[Any]) -> None:
        self.tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None:
            self.fail(None, "the simulation", error)

    async def let(self, device: Device, deed: Coroutine[Any, Any, Any], name: str) -> None:
        """Let something be done on a device; it dies with it, and may be refused."""
        if device.client is None:
            deed.close()
            return
        task = device.spawn(deed)
        await asyncio.wait([task])
        error = None if task.cancelled() else task.exception()
        if error is not None and not isinstance(error, Crashed | QuietwayError):
            self.fail(device, name, error)

    def fail(self, device: Device | None, doing: str, error: BaseException) -> None:
        """Write down that the product raised what nobody expects."""
        told = "".join(traceback.format_exception(error))
        name = "" if device is None else f"{device.name} "
        self.history.note(told)
        self.history.break_promise(f"{name}{doing} raised {type(error).__name__}: {error}")

    def _met(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        del loop
        error = context.get("exception")
        if isinstance(error, Crashed | QuietwayError):
            return
        if error is not None:
            self.fail(None, str(context.get("message")), error)

    # Devices

    async def _keep_alive(self, device: Device) -> None:
        """Run a device, and start it again a while after it has died."""
        while True:
            task = device.spawn(self._live(device))
            await asyncio.wait([task])
            error = None if task.cancelled() else task.exception()
            if error is not None and not isinstance(error, Crashed):
                self.fail(device, "following", error)
                return
            if device.client is None:
                self.history.note(f"{device.name} died {device.died_at}")
                await asyncio.sleep(0 if self.is_healing else self.random.uniform(0, 120))
                self.history.note(f"{device.name} starts")

    async def _live(self, device: Device) -> None:
        client = device.client or await device.open()
        async with aclosing(client.events()) as events:
            async for event in events:
                self._hear(device, event)

    def _hear(self, device: Device, event: Event) -> None:
        named = getattr(event, "alert_id", b"").hex()[:8] or getattr(event, "reason", "")
        self.history.note(f"{device.name} hears {type(event).__name__} {named}".rstrip())
        if isinstance(event, AlertRaised):
            self.people.answer(device, event.alert_id)
        if isinstance(event, AlertUnanswered):
            self.model.alarms[device, event.alert_id, event.why, device.life] += 1
        if not isinstance(event, Received):
            return
        if event.sender_standing == "revoked":
            self.history.break_promise(f"I7: {device.name} heeds a device that it knows is revoked")
        number = number_of(event)
        said = self.model.said.get(number or 0)
        if number is not None and (said is None or device not in self.model.readers(self, said)):
            self.history.break_promise(f"I3: {device.name} opens note {number}: it is not for it")

    # The relay

    def _run_relay(self) -> None:
        core = self.world.site.core
        self._loops = [
            self.loop.create_task(core.escalator.run()),
            self.loop.create_task(core.sweeper.run(every_seconds=60.0)),
        ]

    async def restart_relay(self, down_seconds: float) -> None:
        """End the relay, and start another one over what it has committed."""
        site = self.world.site
        if not site.is_up:
            return
        self.history.note("the relay dies")
        site.is_up = False
        for task in self._loops:
            task.cancel()
        end_relay(site.core)
        await asyncio.sleep(down_seconds)
        site.core = make_relay(
            self.world.clock, self.world.entropy, site.core.store, log_key=site.core.log.key
        )
        site.life += 1
        site.is_up = True
        self.ladders.started = self.loop.time()
        self._run_relay()
        self.history.note("the relay starts")

    # What the model is told

    def device_of(self, wire: Wire) -> Device:
        """Give the device that a wire is of."""
        return next(d for d in self.world.every() if d.device == wire.who)

    def see_sealed(self, wire: Wire, headers: list[Header]) -> None:
        """I3: see for whom somebody has sealed something."""

    def find(self, name: str) -> Device:
        """Give a device by its name."""
        return next(device for device in self.world.every() if device.name == name)

    def code_of(self, device: Device) -> str:
        """Give a device's agency by its code."""
        return device.keyring.agency_code

    def case_of(self, device: Device) -> CaseRef:
        """Give the case that an agency decides about."""
        return CaseRef(self.code_of(device).encode().ljust(16, b"."))

    async def stance(self, device: Device, case: CaseRef, to: str) -> str:
        """Give what a device knows to count for a case with a partner."""
        shown = await device.client.consent.show(case)
        agency = self.world.devices[to][0].agency
        known = shown.find(agency)
        return "granted" if known is None else known.given

    # Healing and judging

    async def _heal(self) -> None:
        self.history.note("healed")
        self.is_healing = True
        self.weather.heal()
        self.tap.lies = False
        await asyncio.sleep(HEALING_SECONDS)
        while (left := self.model.last_call - self.loop.time()) > 0:  # noqa: ASYNC110, time is virtual
            await asyncio.sleep(left)
        for lead, device in self.unpublished:
            client = lead.client or await lead.open()
            await client.sync()
            # It may have been done, and only the answer was lost.
            with suppress(ContentRefused):
                await client.devices.revoke(device.device)
        for pause in RESTS:
            await self._settle()
            if not await self._settle():
                return
            await asyncio.sleep(pause)
        self.history.break_promise("I2: it does not come to rest after the healing")

    async def _settle(self) -> int:
        """Let every device of these agencies do a pass; return how much was still under way."""
        moved = 0
        for device in self.involved():
            client = device.client or await device.open()
            report = await client.sync()
            moved += report.received + report.sent + self._count_waiting(device)
            await asyncio.sleep(0.1)
        return moved

    def _count_waiting(self, device: Device) -> int:
        """Count what is still to come; what waits for a revoked device waits for ever."""
        gone = {held.device for held in self.model.revoked}
        return sum(
            not entry.settled
            and (
                not entry.deliveries
                or any(
                    held.progress is not Progress.STORED and held.device not in gone
                    for held in entry.deliveries
                )
            )
            for entry in device.agent.state.outbox.values()
        )

    def involved(self) -> list[Device]:
        """List the devices of the agencies that took part, but those that were revoked."""
        return [
            device
            for code in self.agencies
            for device in self.world.devices[code]
            if device not in self.model.revoked
        ]

    async def _judge(self) -> None:
        inboxes: dict[Device, list[int]] = {}
        written: set[int] = set()
        for device in self.involved():
            received = await device.client.inbox()
            inboxes[device] = [n for held in received if (n := number_of(held)) is not None]
            # What was stopped by a pause is missing for good; of texts nothing is.
            holes = [n for held in received if held.gap and (n := number_of(held))]
            if holes and self.model.is_whole and not self.model.revoked:
                self.history.break_promise(f"I2: {device.name} sees a gap before {holes}")
            gaps = {n: held.gap for held in received if (n := number_of(held)) is not None}
            if device not in self.model.revoked:
                self.model.judge_gaps(self, device, gaps)
            own = {
                n
                for held in await list_as_said(device.agent)
                if not held.received and (n := number_of(held)) is not None
            }
            written |= own
            self.model.judge_texts(self, device, inboxes[device], own)
        self.model.judge_delivery(self, written, inboxes)
        await self._judge_consent()
        await self._judge_alerts()
        if self.huddles is not None:
            await self.huddles.judge()
        self._judge_members()
        taken = self.ladders.judge()
        self.history.note(f"judged {len(written)} texts, {taken} ladders at {len(inboxes)} devices")

    async def _judge_alerts(self) -> None:
        """I1, I5: each alert has one outcome everywhere, and nobody is left in the dark."""
        shown: dict[bytes, dict[Device, Alert]] = {}
        for device in self.involved():
            for alert in await device.client.alerts.list(open_only=False):
                shown.setdefault(alert.alert_id, {})[device] = alert
        for alert_id, held in sorted(shown.items()):
            self._judge_outcome(alert_id.hex()[:8], held)
        for call in self.model.called:
            if call.device not in self.model.revoked and call.alert_id:
                self._judge_sender(call, shown.get(call.alert_id, {}).get(call.device))
        for (device, alert_id, why, _), times in self.model.alarms.items():
            rounds = max((alert.round for alert in shown.get(alert_id, {}).values()), default=0)
            if times > 1 + rounds:
                self.history.break_promise(f"I2: {device.name} alarmed {times} times: {why}")

    def _judge_outcome(self, name: str, held: dict[Device, Alert]) -> None:
        """I5, I7: all agree who has it, and no revoked device does."""
        states = sorted({(alert.round, alert.state) for alert in held.values()})
        self.history.note(f"alert {name}: {states}")
        holders = {
            device.name: (alert.round, alert.holder and alert.holder.device)
            for device, alert in held.items()
        }
        if len(set(holders.values())) > 1 and self.model.is_whole:
            self.history.break_promise(f"I5: alert {name} ends differently: {holders}")
        gone = {device.device for device in self.model.revoked}
        if any(device in gone for _, device in holders.values()):
            self.history.break_promise(f"I7: alert {name} is held by a revoked device")

    def _judge_sender(self, call: Called, alert: Alert | None) -> None:
        """I1: whoever raised it has a signed claim, or was alarmed."""
        alarmed = any(
            key[:3] == (call.device, call.alert_id, "not_claimed") for key in self.model.alarms
        )
        if alert is None:
            self.history.break_promise(f"I1: {call.device.name} has lost the alert that it raised")
        elif not alert.confirmed and not alarmed:
            self.history.break_promise(f"I1: nobody has an alert of {call.device.name}'s: no alarm")

    def _judge_members(self) -> None:
        """I3, I7: nobody takes for a device what is none, or not any more."""
        for device in self.involved():
            for code, held in self.world.devices.items():
                real = {each.device for each in held if each not in self.model.revoked}
                believed = {
                    each.device for each in device.agent.directory.devices_of(held[0].agency)
                }
                if believed - real:
                    self.history.break_promise(f"I3: {device.name} believes in strangers of {code}")

    async def _judge_consent(self) -> None:
        for code in self.agencies:
            held = [device for device in self.involved() if self.code_of(device) == code]
            for other in self.agencies:
                if other != code:
                    told = {d.name: await self.stance(d, self.case_of(d), other) for d in held}
                    self.history.note(f"consent {code} with {other}: {sorted(set(told.values()))}")
                    # What a device decided just before it was revoked counts where it was heard.
                    is_known = self.model.is_whole and not self.model.revoked & self.model.deciders
                    if len(set(told.values())) > 1 and is_known:
                        self.history.break_promise(f"I4: consent differs: {told}")


def number_of(held: Any) -> int | None:
    """Give the number of a text; None where it is none."""
    text = getattr(held.content, "text", "")
    return int(text[5:]) if isinstance(text, str) and text.startswith("note ") else None
