"""The card of an alert: what somebody who was woken at three in the morning needs, and no more.

What it is, whether it is true, who has it, what to do in one step, and what not to do. Everything
on it is in this store: it is shown without the network, and says loudly what was not delivered.

Spec: docs/reference/desk.md, "The card of an alert".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from quietway import NotFound
from quietway.codes import label_of
from quietway.content import ConsentPreferences
from quietway_desk.naming import call_device, call_id
from quietway_desk.screen import show_facts, warn
from quietway_desk.times import show_clock, show_instant, show_wait
from quietway_desk.words import KINDS, describe

if TYPE_CHECKING:
    from collections.abc import Mapping

    from quietway import Alert, AlertVerified, Client, TimelineEntry
    from quietway.content import AgencyId
    from quietway_desk.screen import Facts

FACTS_SHOWN: Final = 3
DELIVERED: Final = frozenset({"expired_unread", "stored_at_relay", "withdrawn"})
BY_VOICE: Final = (
    "Write no place, no name and no time of a movement, anywhere. A place is said by phone: call "
    "a number that you know, and let both sides read the words of a logistics code first (quietway "
    "crisis logistics)."
)
_QUIET: Final = ("alert.", "audience.", "case.link", "consent.", "lead.", "receipt.")


@dataclass(frozen=True, slots=True)
class Card:
    """What a card shows besides the alert itself.

    Attributes:
        alert: Which alert.
        names: The codes of agencies.
        facts: The last that is known of the case, oldest first.
        reach: How the survivor may be reached, and how not; None where nobody said.
        sharing: Of each partner whether it may be told now, and why.
        waiting: What was said of alerts here and did not get to the relay.
        me: The agency that looks.
        now: When it does.
    """

    alert: Alert
    names: Mapping[AgencyId, str]
    facts: tuple[TimelineEntry, ...]
    reach: ConsentPreferences | None
    sharing: tuple[tuple[str, bool, str], ...]
    waiting: int
    me: AgencyId
    now: int


def read_card(client: Client, alert: Alert) -> Card:
    """Read from the store what belongs on the card of an alert."""
    names = {partner.agency_id: partner.agency_code for partner in client.partners.list()}
    told = client.consent.who_would_be_told(alert.case, "crisis.activate")
    entries = _read_timeline(client, alert)
    reach = [held.content for held in entries if isinstance(held.content, ConsentPreferences)]
    shown = [held for held in entries if not held.content.type.startswith(_QUIET)]
    return Card(
        alert=alert,
        names={**names, client.agency_id: client.program.partition("-")[0]},
        facts=tuple(shown[-FACTS_SHOWN:]),
        reach=reach[-1] if reach else None,
        sharing=tuple((held.agency_code, held.allowed, held.why) for held in told),
        waiting=count_waiting(client),
        me=client.agency_id,
        now=client.now(),
    )


def count_waiting(client: Client) -> int:
    """Count what was said of alerts on this device and is not at the relay."""
    return sum(
        entry.kind.startswith("alert.") and entry.state not in DELIVERED
        for entry in client.outbox()
    )


def show_card(card: Card) -> None:
    """Show the card of an alert."""
    alert = card.alert
    if alert.exercise:
        warn("EXERCISE. This is a drill, and about nobody.")
    if card.waiting:
        warn(
            "NOT DELIVERED: what you said of an alert is on this machine only. If it matters now, "
            f"phone: quietway alert call {call_id(alert.alert_id)}"
        )
    banner = "EXERCISE: " if alert.exercise else ""
    show_facts(f"{banner}ALERT: {label_of('alert_code', alert.code)}", _list_what(card))
    show_facts("What you can do", list_actions(alert, me=card.me))
    show_facts("Reaching the survivor", _list_reach(card.reach))
    show_facts("May I share this?", _list_sharing(card))
    show_facts("Last known", _list_known(card))
    show_facts("Not now", [(str(n), text) for n, text in enumerate(list_not_now(card), start=1)])


def list_actions(alert: Alert, *, me: AgencyId) -> Facts:
    """List what can be done, a command each: three things, where one is called and nobody has it.

    Args:
        alert: Which.
        me: The agency that looks.
    """
    name = call_id(alert.alert_id)
    calling = f"Call by phone:    quietway alert call {name}"
    if alert.lead != me:
        return [("1", calling)]
    if alert.claims:
        return [
            ("1", calling),
            ("2", f"Pass it on:       quietway alert pass {name}"),
            ("3", f"Let it climb on:  quietway alert release {name}"),
        ]
    return [
        ("1", f"I'm taking it:    quietway alert claim {name}"),
        ("2", f"Pass it on:       quietway alert pass {name}"),
        ("3", calling),
    ]


def _list_what(card: Card) -> Facts:
    alert = card.alert
    raised = f"{show_instant(alert.raised_at)} by {_name(card, alert.raised_by)}"
    facts: Facts = [
        ("Urgency", label_of("time_sensitivity", alert.urgency)),
        ("Case", str(alert.case)),
        ("Raised", raised),
        ("Verified", tell_verification(alert)),
        ("Who has it", tell_holder(card)),
        *_list_called(card),
        ("Alert", call_id(alert.alert_id)),
    ]
    if alert.late and alert.received_at is not None:
        facts.insert(3, ("LATE", f"It came here only {show_instant(alert.received_at)}."))
    return facts


def tell_verification(alert: Alert) -> str:
    """Say whether an alert is verified, and by what class of source."""
    state = label_of("verification_state", alert.verification)
    steps = "; ".join(_tell_step(held) for held in alert.verified)
    if not steps:
        return f"NO. {state}: this is one person's first word."
    yes = "Yes" if alert.verification in {"confirmed", "corroborated"} else "NO"
    return f"{yes}. {state}: {steps}."


def _tell_step(step: AlertVerified) -> str:
    source = label_of("verification_source", step.source_class)
    supports = "supports it" if step.result == "supports" else "contradicts it"
    if step.awaits_second:
        return f"{source} {supports}, by judgement that nobody has seconded yet"
    return f"{source} {supports}{', by judgement of two' if step.basis else ''}"


def tell_holder(card: Card) -> str:
    """Say who has an alert; of several claims, who was first."""
    claims = card.alert.claims
    if not claims:
        return f"NOBODY YET. {label_of('alert_state', card.alert.state)}."
    first, *others = (
        f"{held.program or 'this device'} ({call_device(held.device)})" for held in claims
    )
    at = show_clock(claims[0].at)
    also = f" Also claimed by {', '.join(others)}: talk to each other." if others else ""
    return f"{first} took it at {at}.{also}"


def _list_called(card: Card) -> Facts:
    alert = card.alert
    facts: Facts = [
        (tier.name.capitalize(), _tell_tier(card, tier.due_at, is_next=tier == alert.next_tier))
        for tier in alert.tiers
    ]
    facts += [
        ("Declined", f"{held.program or 'this device'}: {label_of('alert_reason', held.reason)}")
        for held in alert.declined
    ]
    return facts


def _tell_tier(card: Card, due_at: int, *, is_next: bool) -> str:
    if due_at <= card.now:
        return f"called since {show_clock(due_at)}"
    if card.alert.claims:
        return "not called: somebody has it"
    wait = show_wait(due_at - card.now)
    return f"{'NEXT, in' if is_next else 'in'} {wait}"


def _list_reach(reach: ConsentPreferences | None) -> Facts:
    if reach is None:
        return [("Unknown", "Nobody said which ways are safe. Don't reach out: ask who knows.")]
    facts: Facts = [
        (f"UNSAFE {label_of('survivor_channel', code)}", "never, whatever the hurry")
        for code in reach.unsafe_channels
    ]
    facts += [(f"safe {label_of('survivor_channel', code)}", "yes") for code in reach.safe_channels]
    if not reach.voicemail_ok:
        facts.append(("UNSAFE Message left", "leave none on a machine"))
    if reach.safe_hours is not None:
        facts.append(("Hours", reach.safe_hours))
    return [*facts, ("Language", label_of("language", reach.language))]


def _list_sharing(card: Card) -> Facts:
    told = [(code, f"{'yes' if allowed else 'NO'}. {why}") for code, allowed, why in card.sharing]
    return told or [("Nobody", "There is no partner.")]


def _list_known(card: Card) -> Facts:
    facts = [
        (
            show_instant(held.at),
            f"{held.program or _name(card, held.agency)}: {tell_content(held)}",
        )
        for held in card.facts
    ]
    return facts or [("Nothing", "Nothing else about this case is on this device.")]


def tell_content(entry: TimelineEntry) -> str:
    """Say in a line what an entry of a timeline says."""
    kind = KINDS.get(entry.content.type, entry.content.type)
    facts = describe(entry.content)
    return f"{kind}: {facts[0][1]}" if facts else kind


def list_not_now(card: Card) -> list[str]:
    """List what must not be done now."""
    found = []
    if card.alert.verification not in {"confirmed", "corroborated"}:
        found.append(
            "Tell no other agency of it: it is not confirmed. Ask somebody else to check with a "
            f"trusted source (quietway alert verify {call_id(card.alert.alert_id)})."
        )
    if card.alert.claims:
        found.append("Do nothing beside whoever has it: call them, and ask what helps.")
    found.append(BY_VOICE)
    return found


def _name(card: Card, agency: AgencyId) -> str:
    return card.names.get(agency, str(agency))


def _read_timeline(client: Client, alert: Alert) -> list[TimelineEntry]:
    try:
        return client.cases.timeline(alert.case)
    except NotFound:
        return []
