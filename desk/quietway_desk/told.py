"""Conversations in words: what was said in order, what is missing, and where two stories were told.

Spec: docs/reference/desk.md, "What is shown"; docs/spec/conversations.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_never

from quietway import Contradiction, Gap, Said
from quietway_desk.screen import Facts, Record, say, show_facts, warn
from quietway_desk.times import show_instant, write_instant
from quietway_desk.words import KINDS, describe

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from quietway import Client, ConversationEntry, Received
    from quietway.content import AgencyId, MessageId


def find_gaps(client: Client, messages: Iterable[Received]) -> dict[MessageId, Gap]:
    """Find the gaps that stand before messages which say that something is missing."""
    conversations = {message.conversation for message in messages if message.gap}
    return {
        entry.before: entry
        for conversation in sorted(conversations)
        for entry in client.messages.conversation(conversation)
        if isinstance(entry, Gap) and entry.before is not None
    }


def tell_gap(gap: Gap) -> str:
    """Say in one line what is missing, and whether it may still come."""
    who = gap.program or (str(gap.agency) if gap.agency is not None else "a device")
    where = " before this" if gap.before is not None else ""
    one = gap.missing == 1
    if gap.missing is None:
        what = f"Something from {who}{where}"
        ending = "; how much is not known"
    else:
        what = f"{gap.missing} message{'' if one else 's'} from {who}{where}"
        ending = ""
    if gap.over:
        return f"{what} never arrived{ending}, and can't any more."
    return f"{what} {'has' if one or gap.missing is None else 'have'} not arrived{ending}."


def tell_contradiction(told: Contradiction) -> str:
    """Say what contradicts what, and what to do."""
    who = told.program or str(told.agency)
    if told.kind == "forked":
        return (
            f"WARNING: a device of {who} said two different things at one place. The second one is "
            f"kept aside. Ask {who} by another way which of them holds."
        )
    return (
        f"WARNING: {who} answers another text than the one that is here: they were told something "
        "else, or say so. Ask both sides by another way."
    )


def show_entry(entry: ConversationEntry, names: Mapping[AgencyId, str]) -> None:
    """Show one entry of a conversation."""
    match entry:
        case Said():
            _show_said(entry, names)
        case Gap():
            say(f"{tell_gap(entry)}\n")
        case Contradiction():
            warn(f"{tell_contradiction(entry)}\n")
        case _:
            assert_never(entry)


def record_of_entry(entry: ConversationEntry) -> Record:
    """Give an entry as a record for `--json`."""
    match entry:
        case Said():
            return _record_of_said(entry)
        case Gap():
            return {
                "entry": "gap",
                "device": str(entry.device),
                "program": entry.program,
                # -1 where the number is not known.
                "missing": -1 if entry.missing is None else entry.missing,
                "before": _write_id(entry.before),
                "after": _write_id(entry.after),
                "over": entry.over,
            }
        case Contradiction():
            return {
                "entry": entry.kind,
                "agency": str(entry.agency),
                "program": entry.program,
                "at": write_instant(entry.at),
                "message_id": _write_id(entry.message_id),
                "about": _write_id(entry.about),
            }
        case _:
            assert_never(entry)


def _show_said(said: Said, names: Mapping[AgencyId, str]) -> None:
    kind = KINDS.get(said.content.type, said.content.type)
    who = "this device" if said.mine else said.program or names.get(said.agency, str(said.agency))
    facts: Facts = [("Sent", show_instant(said.said_at)), *describe(said.content)]
    if said.message_id is None:
        facts.append(("Note", "This was not sent yet."))
    else:
        facts.append(("Id", str(said.message_id)))
    if said.answers is not None:
        facts.append(("Answers", str(said.answers)))
    if said.answers_missing:
        facts.append(("Note", "What this answers is not here."))
    if not said.audience_known:
        facts.append(("Note", "Who else received this is not known yet."))
    facts += _describe_receipts(said)
    show_facts(f"{kind} from {who}", facts)


def _describe_receipts(said: Said) -> Facts:
    if said.expired_unread:
        return [("Receipts", "Nobody confirmed this before it expired.")]
    if not said.stored_by:
        return []
    return [("Receipts", f"Stored on {said.stored_by}, seen on {said.opened_by} of their devices.")]


def _record_of_said(said: Said) -> Record:
    return {
        "entry": "said",
        "message_id": _write_id(said.message_id),
        "agency": str(said.agency),
        "program": said.program,
        "at": write_instant(said.said_at),
        "mine": said.mine,
        "audience_known": said.audience_known,
        "answers": _write_id(said.answers),
        "answers_missing": said.answers_missing,
        "stored_by": said.stored_by,
        "opened_by": said.opened_by,
        "expired_unread": said.expired_unread,
        "content": said.content.model_dump(mode="json", exclude_none=True),
    }


def _write_id(message_id: MessageId | None) -> str:
    return "" if message_id is None else str(message_id)
