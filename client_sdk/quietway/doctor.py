"""`doctor`: looks at what has to be in order, and says what to do where it is not.

It changes nothing and never raises: what it can't look at is a finding too.

Spec: docs/reference/sdk.md.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from quietway.agent import compare_clocks
from quietway.consent.keeping_out import look_at_orders
from quietway.covering.findings import look_at_on_call
from quietway.engine.inbox import MOST_ATTEMPTS
from quietway.errors import (
    AgencyRemoved,
    DirectoryStale,
    IdentityChanged,
    QuietwayError,
    RelayRefused,
    RelayUnreachable,
    StoreRolledBack,
    Unreachable,
)
from quietway.history import count_notices
from quietway.own.findings import (
    look_at_devices,
    look_at_holders,
    look_at_log,
    look_at_review,
    look_at_root,
)
from quietway.publishing import NOT_ENROLLED
from quietway.reports import Finding
from quietway.sealing import PENDING, STRANGER, UNDECRYPTABLE, UNKNOWN_SIGNER
from quietway.speaking import list_outbox, list_partners
from quietway_crypto.suites import available_suites
from quietway_schemas.envelope import SUITE_HYBRID, EnvelopeClass
from quietway_schemas.instants import DAY

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from quietway.agent import Agent

_OUT: Final = (
    "If your agency took it away, ask an ops holder: it comes back as a new device, after a wipe. "
    "If the relay never took this agency in, found it again with a new one-time code."
)


_KEPT: Final = {
    PENDING: "signed by a device of a partner that the directory does not show yet",
    STRANGER: "from an agency whose invitation was not accepted here",
    UNDECRYPTABLE: f"that did not open (tried {MOST_ATTEMPTS} times, then given up)",
}
_GIVEN_UP: Final = {
    "bad_content": "said what this version does not know",
    "bad_time": "named a time that can't be",
    "expired": "came after their end",
    "forged": "were not signed by whom they name",
    "forked": "told a second story at one place",
    "not_addressed_to_me": "were meant for others",
    "quarantined": "were signed by a device that had left its agency",
    "suite_refused": "were sealed more weakly than agreed",
    UNDECRYPTABLE: "never opened",
    UNKNOWN_SIGNER: "were signed by a device that its agency does not know",
    PENDING: "could not be kept, as too many wait here",
    STRANGER: "could not be kept, as too many wait here",
}


async def examine(agent: Agent) -> list[Finding]:
    """Look at everything, the nearest first."""
    looks: tuple[Callable[[Agent], Awaitable[Finding]], ...] = (
        _look_at_store,
        _look_at_suites,
        _look_at_relay,
        _look_at_erasing,
        _look_at_manifest,
        _look_at_keys,
        _look_at_partners,
        _look_at_outbox,
        _look_at_kept,
        _look_at_notices,
        look_at_root,
        look_at_holders,
        look_at_devices,
        look_at_review,
        look_at_log,
        look_at_orders,
        look_at_on_call,
    )
    return [await look(agent) for look in looks]


async def _look_at_store(agent: Agent) -> Finding:
    if agent.state.reading.copied:
        return _from_problem("store", StoreRolledBack())
    messages = len(await agent.store.scan("message"))
    return Finding("store", True, f"It opens; {messages} messages are in it.")  # noqa: FBT003 - `ok` reads well


async def _look_at_suites(agent: Agent) -> Finding:
    del agent
    hybrid = SUITE_HYBRID in available_suites()
    return Finding(
        "post-quantum sealing",
        hybrid,
        "This machine seals and opens with it." if hybrid else "This machine can't.",
        "" if hybrid else "Nothing to do on this machine: its messages are sealed classically.",
    )


async def _look_at_relay(agent: Agent) -> Finding:
    try:
        compare_clocks(agent.compared.machine_now(), await agent.relay.read_clock())
        # Whoever was taken away is not told so by a list: the relay shows them none any more.
        await agent.relay.directory(agent.directory.cursor)
    except RelayUnreachable:
        return Finding(
            "relay and clock",
            False,  # noqa: FBT003 - as above
            "The relay cannot be reached.",
            "Check the network. What was written is kept, and goes out when the relay answers.",
        )
    except QuietwayError as problem:
        if isinstance(problem, RelayRefused) and problem.code == NOT_ENROLLED:
            return Finding("relay and clock", False, "The relay lets this device in no more.", _OUT)  # noqa: FBT003 - as above
        return _from_problem("relay and clock", problem)
    return Finding("relay and clock", True, "The relay answers, and the clocks agree.")  # noqa: FBT003 - as above


async def _look_at_erasing(agent: Agent) -> Finding:
    problem = agent.clocks.problem
    if problem is not None:
        return _from_problem("erasing", problem)
    return Finding("erasing", True, "What has expired is erased in its time.")  # noqa: FBT003 - as above


async def _look_at_manifest(agent: Agent) -> Finding:
    if agent.is_removed:
        return _from_problem("this agency's manifest", AgencyRemoved(agent.keyring.agency_code))
    expires = agent.directory.manifest_expires(agent.keyring.agency)
    days = (expires - agent.clock.now()) // DAY
    ok = days > 0
    return Finding(
        "this agency's manifest",
        ok,
        f"It is valid for {days} more days." if ok else "It is not published, or has run out.",
        "" if ok else "Run a synchronisation while the relay can be reached.",
    )


async def _look_at_keys(agent: Agent) -> Finding:
    now = agent.clock.now()
    keyring = agent.keyring
    lacking = [
        class_.name.lower()
        for class_ in EnvelopeClass
        if not agent.directory.has_published(
            keyring.device, class_, class_.epoch_of(now), agency=keyring.agency
        )
    ]
    return Finding(
        "keys for receiving",
        not lacking,
        f"Missing on the relay: {', '.join(lacking)}." if lacking else "Published for today.",
        "Run a synchronisation: it publishes them." if lacking else "",
    )


async def _look_at_partners(agent: Agent) -> Finding:
    partners, now = list_partners(agent), agent.clock.now()
    for partner in partners:
        match agent.directory.hindrance(partner.agency_id, now):
            case "agency_removed":
                return _from_problem("partners", AgencyRemoved(partner.agency_code))
            case "identity_changed":
                return _from_problem("partners", IdentityChanged(partner.agency_code))
            case "stale_directory":
                return _from_problem("partners", DirectoryStale(partner.agency_code))
    silent = [partner.agency_code for partner in partners if not partner.programs]
    return Finding(
        "partners",
        not silent,
        f"Without a known device: {', '.join(silent)}."
        if silent
        else f"{len(partners)}, and each can be written to.",
        "Ask them to switch a device on; run a synchronisation after that." if silent else "",
    )


async def _look_at_outbox(agent: Agent) -> Finding:
    entries = list_outbox(agent)
    late = [entry for entry in entries if entry.state == "expired_unsent"]
    unread = [entry for entry in entries if entry.state == "expired_unread"]
    stuck = [entry for entry in entries if entry.state == "unreachable"]
    waiting = sum(entry.state in {"not_yet_sent", "sealed"} for entry in entries)
    if late:
        return Finding(
            "outbox",
            False,  # noqa: FBT003 - as above
            f"{len(late)} messages could not be sent in time.",
            "Tell their recipients by another way, or write them again.",
        )
    if unread:
        return Finding(
            "outbox",
            False,  # noqa: FBT003 - as above
            f"Nobody has confirmed {len(unread)} messages before they expired.",
            "Ask their recipients by another way; they may have switched receipts off.",
        )
    if stuck:
        return _from_problem("outbox", Unreachable((*stuck[0].waiting_for, "A device")[0]))
    return Finding("outbox", True, f"{waiting} messages wait to be sent.")  # noqa: FBT003 - as above


async def _look_at_kept(agent: Agent) -> Finding:
    kept = Counter(held.reason for held in agent.state.kept.values())
    told = [f"{count} {_KEPT[reason]}" for reason, count in sorted(kept.items())]
    return Finding(
        "envelopes that wait here",
        not kept,
        f"{'; '.join(told)}." if told else "None.",
        "They are tried again at each synchronisation. Run one; if they stay, ask your partners "
        "whether they added a device, and accept an invitation that is still open."
        if kept
        else "",
    )


async def _look_at_notices(agent: Agent) -> Finding:
    counts = await count_notices(agent)
    told = [f"{count} {_GIVEN_UP.get(reason, reason)}" for reason, count in sorted(counts.items())]
    return Finding(
        "envelopes given up",
        not counts,
        f"{'; '.join(told)}." if told else "None.",
        "Some may be from agencies you have not accepted yet; ask your partners." if counts else "",
    )


def _from_problem(name: str, problem: QuietwayError) -> Finding:
    # An error's first sentence says what is the case, the rest what to do.
    detail, _, what_next = str(problem).partition(". ")
    return Finding(name, False, f"{detail.rstrip('.')}.", what_next)  # noqa: FBT003 - as above
