"""Contents in words: what a referral, an answer, a status or a message says to a person.

Codes are shown by their labels; what a partner wrote is shown as it was written, made plain.
Nothing is summed up, and nothing is left out.

Spec: docs/reference/desk.md, "What is shown".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from quietway.codes import label_of
from quietway.content import (
    AttachmentFile,
    MessageText,
    ReferralAnswer,
    ReferralPacket,
    StatusIndicator,
)
from quietway_desk.coded import KINDS_OF_CODED, describe_coded
from quietway_desk.screen import Facts, Record, remark, say, show_facts
from quietway_desk.times import show_instant, write_instant

if TYPE_CHECKING:
    from quietway import Client, OutboxEntry, Received, Sent, StatusEntry
    from quietway.content import ContentModel

KINDS: Final = {
    **KINDS_OF_CODED,
    "attachment.file": "File",
    "audience.list": "Who takes part",
    "message.text": "Message",
    "receipt.cover": "Receipt: none",
    "receipt.opened": "Receipt: opened",
    "receipt.stored": "Receipt: stored",
    "referral.ack": "Referral received",
    "referral.cancel": "Referral cancelled",
    "referral.feedback": "Feedback on a referral",
    "referral.outcome": "Decision on a referral",
    "referral.packet": "Referral",
    "referral.reopen": "Referral reopened",
    "status.indicator": "Status",
}

OUTBOX_STATES: Final = {
    "not_yet_sent": "NOT YET SENT; it goes out when the relay can be reached",
    "sealed": "NOT YET SENT; it is sealed, and goes out when the relay can be reached",
    "stored_at_relay": "delivered to the relay",
    "expired_unsent": "NOT SENT in time; write it again if it still holds",
    "expired_unread": "delivered to the relay, and NOT CONFIRMED by anybody before it expired",
    "unreachable": "NOT YET SENT; the partner's device has no live key",
    "paused": "NOT SENT; your agency has paused this partner, and it waits here",
    "not_taken": "NOT TAKEN IN by them now; they may have paused: phone them",
    "withdrawing": "being taken back; the relay is asked when it can be reached",
    "withdrawn": "taken back; it reaches nobody",
    "partly_withdrawn": "taken back in part; someone has fetched it, or may have",
}

NEXT_AT_THE_DESK: Final = {
    "this agency's manifest": "Run `quietway inbox` while the relay can be reached. If the relay "
    "never took this agency in, run `quietway init` again with a new one-time code.",
    "keys for receiving": "Run `quietway inbox` while the relay can be reached: it publishes them.",
    "the agency's root": "Run `quietway agency words`, then `quietway agency secure`.",
    "ops holders": "Run `quietway agency ops request` on its device, then `quietway agency ops "
    "add` with the root's words.",
    "this agency's devices": "Run `quietway device list`.",
    "permissions": "Run `quietway agency review`.",
    "the relay's log": "Run `quietway log show`.",
    "partners": "Ask them to start quietway once; run `quietway inbox` after that.",
}
"""What to do next, as commands, where the SDK speaks to programs."""

_PACKET_CODES: Final = (
    ("Service", "service_type"),
    ("Purpose", "purpose_code"),
    ("Urgency", "time_sensitivity"),
    ("Known from", "info_basis"),
    ("Handed over", "pathway"),
    ("Referred by", "referred_by"),
    ("Survivor", "survivor_choice"),
    ("Named", "identity_mode"),
    ("Came in by", "entry_point"),
    ("Goal", "stated_goal"),
    ("In the call", "client_present"),
)
_ANSWER_CODES: Final = (("Reason", "reason_code", "reason"), ("Next", "next_steps", "next_steps"))


def show_received(message: Received, *, gap_told: bool = False) -> None:
    """Show one message with who sent it and when.

    Args:
        message: Which.
        gap_told: Whether what is missing before it was shown already.
    """
    sender = message.sender_program or str(message.sender_agency)
    title = f"{KINDS.get(message.content.type, message.content.type)} from {sender}"
    facts: Facts = [("Sent", show_instant(message.sent_at)), *describe(message.content)]
    if message.content.exercise:
        facts.insert(0, ("EXERCISE", "This is a drill, and about nobody."))
    if message.gap and not gap_told:
        facts.append(("Note", "Something that came before this is missing here."))
    if not message.audience_known:
        facts.append(("Note", "Who else received this is not known yet."))
    show_facts(title, facts)


def describe(content: ContentModel) -> Facts:
    """Say what a content says, as named facts."""
    match content:
        case ReferralPacket():
            return _describe_packet(content)
        case ReferralAnswer():
            return _describe_answer(content)
        case StatusIndicator():
            return _describe_status(content)
        case AttachmentFile():
            return [
                ("Name", content.name),
                ("Kind", content.media_type),
                (
                    "Fetch it",
                    "quietway attachment list names it, quietway attachment fetch brings it",
                ),
            ]
        case MessageText():
            return [("Text", content.text)]
        case _:
            return describe_coded(content)


def record_of(message: Received) -> Record:
    """Give a message as a record for `--json`."""
    return {
        "message_id": str(message.message_id),
        "conversation": str(message.conversation),
        "sender_agency": str(message.sender_agency),
        "sender_program": message.sender_program or "",
        "sent_at": write_instant(message.sent_at),
        "gap": message.gap,
        "audience_known": message.audience_known,
        # Whoever reads this list has no need of a file's key.
        "content": message.content.model_dump(
            mode="json", exclude_none=True, exclude={"key", "opening"}
        ),
    }


def record_of_status(entry: StatusEntry) -> Record:
    """Give a line of the board as a record for `--json`."""
    return {
        "code": entry.code,
        "state": entry.state,
        "confidence": entry.confidence,
        "agency": str(entry.agency),
        "program": entry.program,
        "effective": write_instant(entry.effective),
        "expires": write_instant(entry.expires),
    }


def tell_sent(client: Client, sent: Sent) -> None:
    """Say how far something that was just written has come, and why no further."""
    states = [entry.state for entry in client.outbox() if entry.local_id == sent.local_id]
    state = states[0] if states else sent.state
    say(f"Written, and {OUTBOX_STATES.get(state, state)}.")
    if sent.referral_ref is not None:
        remark(f"Its reference: {sent.referral_ref}")


def tell_receipts(entry: OutboxEntry) -> str:
    """Say what recipients confirmed of a message of the outbox; nothing where none did."""
    if not entry.stored_by:
        return ""
    seen = f", seen on {entry.opened_by}" if entry.opened_by else ""
    return f"; stored on {entry.stored_by} of their devices{seen}"


def _describe_packet(packet: ReferralPacket) -> Facts:
    referring, receiving = packet.referring, packet.receiving
    facts: Facts = [
        ("Reference", str(packet.referral_ref)),
        ("From", f"{referring.program}: {referring.staff}, {referring.contact}"),
        ("For", f"{receiving.program}: {receiving.eligibility_note}"),
        ("Answer through", label_of("channel_tier", receiving.preferred_channel)),
        *_describe_case(packet),
    ]
    facts += [
        (name, label_of(field, code))
        for name, field in _PACKET_CODES
        if (code := getattr(packet, field)) is not None
    ]
    facts.append(("In words", packet.purpose_text))
    if packet.vsp_contact is not None:
        facts.append(("Through", f"{packet.vsp_contact.staff}, {packet.vsp_contact.contact}"))
    if packet.joint_call is not None:
        facts.append(("Joint call", show_instant(packet.joint_call)))
    facts.append(("Answer by", show_instant(packet.feedback_due)))
    return facts


def _describe_answer(answer: ReferralAnswer) -> Facts:
    facts: Facts = [
        ("Reference", str(answer.referral_ref)),
        ("State", label_of("referral_state", answer.state)),
        *_describe_case(answer),
    ]
    for name, field, list_name in _ANSWER_CODES:
        code = getattr(answer, field)
        if code is not None:
            facts.append((name, label_of(list_name, code)))
    return facts


def _describe_status(status: StatusIndicator) -> Facts:
    return [
        ("Says", label_of("status_indicator", status.code)),
        ("State", label_of("status_state", status.state)),
        ("Known", label_of("status_confidence", status.confidence)),
        ("From", show_instant(status.effective)),
        ("Until", show_instant(status.expires)),
        *_describe_case(status),
    ]


def _describe_case(content: ReferralPacket | ReferralAnswer | StatusIndicator) -> Facts:
    facts: Facts = []
    if content.case_ref is not None:
        facts.append(("Case", str(content.case_ref)))
    if content.disclosure_basis is not None:
        facts.append(("Shared on", label_of("disclosure_basis", content.disclosure_basis)))
    if not isinstance(content, StatusIndicator) and content.episode is not None:
        dates = content.episode.model_dump(mode="json", exclude_none=True)
        facts += [(name.replace("_", " ").capitalize(), day) for name, day in dates.items()]
    return facts
