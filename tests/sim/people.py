"""What people do in a seed: they write, decide, send alerts, claim, and revoke devices.

Each deed runs on one device, and dies with it. What a person is told goes into the model as
certain; what was cut off is uncertain until the device shows whether it was written down.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from quietway.errors import QuietwayError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tests.sim.device import Device
    from tests.sim.run import Run

WORKING_SECONDS = 900.0
MOST_DEEDS = (8, 18)
TOGETHER = 0.4
ANSWERS = 0.6
ABUSES = 4
APART = 0.6
DECISIONS = ("grant", "pause", "pause", "resume", "revoke")
LADDERS = ((0, 60, 120, 240), (0, 300, 600, 900), (0, 90), (0, 30, 60))
REASON = "shift_ended"
CODE = "shelter_need_open"
RELEASE: dict[str, Any] = {
    "categories": ["narrative", "services", "status"],
    "purposes": ["safety_coordination", "service_referral"],
    "scopes": ["coordination_status", "safehouse"],
    "informed": ("benefits", "risks", "alternatives", "may_withdraw", "not_condition_of_service"),
}


class People:
    """Everybody who works in a run."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._random = run.random
        self._numbers = iter(range(1, 10_000))
        self._times: list[float] = []

    def begin(self) -> None:
        """Let them work until the healing."""
        for _ in range(self._random.randint(*MOST_DEEDS)):
            self._run.spawn(self._do_once(self._draw_time()))

    def _draw_time(self) -> float:
        """Draw when something is done: anywhen, or at nearly the same time as something else."""
        if self._times and self._random.random() < TOGETHER:
            at = self._random.choice(self._times) + self._random.uniform(-3, 3)
        else:
            at = self._random.uniform(0, WORKING_SECONDS)
        self._times.append(at)
        return max(0.0, at)

    async def _do_once(self, at: float) -> None:
        run = self._run
        deed, device = self._choose(), self._random.choice(run.working)
        await asyncio.sleep(at)
        if device.client is None or run.is_healing:
            return
        await run.let(device, deed(device), deed.__name__)

    def _choose(self) -> Callable[[Device], Awaitable[None]]:
        deeds = (self._write, self._tell_status, self._decide, self._call, self._revoke)
        return self._random.choices(deeds, (45, 10, 25, 25, 8))[0]

    async def _call(self, device: Device) -> None:
        """Raise an alert about a case that another agency leads."""
        run = self._run
        to = self._random.choice([code for code in run.agencies if code != run.code_of(device)])
        ladder = self._random.choice(LADDERS)
        call = run.model.calls(device, to, ladder)
        run.history.note(f"{device.name} calls {to} {ladder}")
        case = run.world.cases[run.code_of(device), to]
        try:
            sent = await device.client.alerts.send(case, "needs_lead_now", ladder=ladder)
        except QuietwayError as problem:
            run.history.note(f"{device.name} can't call: {type(problem).__name__}")
            run.model.called.remove(call)
            return
        call.alert_id = sent.alert_id
        run.history.note(f"{device.name} called {sent.alert_id.hex()[:8]}: {sent.sent.state}")

    def answer(self, device: Device, alert_id: bytes) -> None:
        """Let the person at a device that is paged answer, or not."""
        if self._random.random() < ANSWERS:
            pause = self._random.uniform(2, 400)
            self._run.spawn(self._answer(device, alert_id, pause))

    async def _answer(self, device: Device, alert_id: bytes, pause: float) -> None:
        run = self._run
        await asyncio.sleep(pause)
        if device.client is None:
            return
        what = self._random.choices(("claim", "decline", "release", "hand_off"), (8, 2, 2, 1))[0]
        await run.let(device, self._say(device, alert_id, what), what)

    async def _say(self, device: Device, alert_id: bytes, what: str) -> None:
        run, alerts = self._run, device.client.alerts
        name = f"{device.name} {what} {alert_id.hex()[:8]}"
        run.history.note(name)
        run.model.answered.add((alert_id, device))
        try:
            if what in {"claim", "release", "hand_off"}:
                await alerts.claim(alert_id)
            if what == "decline":
                await alerts.decline(alert_id, REASON)
            elif what == "release":
                await asyncio.sleep(self._random.uniform(1, 60))
                await alerts.release(alert_id, REASON)
                run.model.released(alert_id, run.loop.time())
            elif what == "hand_off":
                colleague = self._random.choice(run.world.devices[run.code_of(device)][:3])
                await alerts.hand_off(alert_id, colleague.device, REASON)
        except QuietwayError as problem:
            run.history.note(f"{name} refused: {type(problem).__name__}")

    async def _revoke(self, device: Device) -> None:
        """The agency's lead takes one of its devices away."""
        run = self._run
        lead = run.world.devices[run.code_of(device)][0]
        others = [held for held in run.working if run.code_of(held) == run.code_of(device)]
        if lead is device or lead.client is None or len(others) < 2 or run.model.revoked:
            return
        run.history.note(f"{lead.name} revokes {device.name}")
        run.model.revoked.add(device)
        run.ladders.closed.add(device.keyring.mailbox.value)
        # The lead may die over it, and does it again later.
        run.unpublished.append((lead, device))
        try:
            await lead.client.devices.revoke(device.device)
        except QuietwayError as problem:
            run.history.note(f"{lead.name} can't yet: {type(problem).__name__}")
        run.spawn(self._abuse(device))

    async def _abuse(self, device: Device) -> None:
        """Let whoever has a device that was taken away write with it, and claim what it knows."""
        for _ in range(ABUSES):
            await asyncio.sleep(self._random.uniform(1, 90))
            if not self._run.is_healing:
                await self._run.let(device, self._abuse_once(device), "abuse")

    async def _abuse_once(self, device: Device) -> None:
        for alert in await device.client.alerts.list():
            await self._say(device, alert.alert_id, "claim")
        await self._write(device)

    async def _write(self, device: Device) -> None:
        run, random = self._run, self._random
        others = [code for code in run.agencies if code != run.code_of(device)]
        to = tuple(sorted(random.sample(others, random.randint(1, len(others)))))
        circle = frozenset((*to, run.code_of(device)))
        number = next(self._numbers)
        said = run.model.writes(number, device, to)
        said.conversation = run.conversations.get(circle)
        run.history.note(f"{device.name} writes {number} to {'+'.join(to)}")
        try:
            sent = await device.client.messages.send(
                f"note {number}", to=to, conversation=run.conversations.get(circle)
            )
        except QuietwayError as problem:
            run.history.note(f"{device.name} may not write {number}: {type(problem).__name__}")
            run.model.unsaid(number)
            return
        said.is_certain, said.conversation = True, sent.conversation
        run.conversations.setdefault(circle, sent.conversation)
        run.history.note(f"{device.name} wrote {number}: {sent.state}")

    async def _tell_status(self, device: Device) -> None:
        run = self._run
        case = run.case_of(device)
        to = self._random.choice([code for code in run.agencies if code != run.code_of(device)])
        before = await run.stance(device, case, to)
        try:
            sent = await device.client.status.set(CODE, to=to, case_ref=case)
        except QuietwayError as problem:
            run.history.note(f"{device.name} may not tell {to}: {type(problem).__name__}")
            return
        run.history.note(f"{device.name} tells {to} a status: {sent.state}")
        if before in {"paused", "revoked"} and await run.stance(device, case, to) == before:
            run.history.break_promise(
                f"I4: {device.name} told {to} of a case that was {before} as it knew"
            )

    async def _decide(self, device: Device) -> None:
        """Decide; at times a colleague decides too, and neither knows of it."""
        run = self._run
        to = self._random.choice([code for code in run.agencies if code != run.code_of(device)])
        colleagues = [
            held
            for held in run.working
            if held is not device and held.agency == device.agency and held.client is not None
        ]
        what = self._random.choice(DECISIONS)
        if colleagues and self._random.random() < APART:
            other = self._random.choice(colleagues)
            differs = self._random.choice([held for held in DECISIONS if held != what])
            run.spawn(run.let(other, self._decide_about(other, to, differs), "deciding"))
        await self._decide_about(device, to, what)

    async def _decide_about(self, device: Device, to: str, what: str) -> None:
        run = self._run
        case = run.case_of(device)
        consent = device.client.consent
        run.model.deciders.add(device)
        run.history.note(f"{device.name} {what}s sharing with {to}")
        try:
            if what == "grant":
                await consent.grant(case, to, **RELEASE, again=True)
            elif what == "resume":
                await consent.resume(case, to, again=True)
            elif what == "pause":
                await consent.pause(case, to)
            else:
                await consent.revoke(case, to)
        except QuietwayError as problem:
            run.history.note(f"{device.name} can't: {type(problem).__name__}")
            return
        run.history.note(f"{device.name} has: {await run.stance(device, case, to)}")
