"""What a person filled in becomes a referral, by hand or with a file of another system.

A file gives service and urgency where the person did not; all else comes from the person.

Spec: docs/reference/desk.md, "Sending a referral".
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from quietway.checking import explain_limits
from quietway_desk.asking import ask_code, ask_text, is_at_terminal, read_words
from quietway_desk.refusals import UsageRefused
from quietway_desk.screen import remark
from quietway_desk.session import find_partner, opened, talk
from quietway_desk.words import tell_sent

if TYPE_CHECKING:
    import typer

    from quietway import Partner
    from quietway.interop import CodedRequest

_STANDARD: Final = "standard"
OTHER: Final = "other"
"""The service of a file that names none that we know."""
_IN_WORDS: Final = "The purpose in a sentence or two; name nobody and no place."


@dataclass(frozen=True, slots=True)
class Draft:
    """What was filled in, None where it was not; codes are codes of the lists that options name."""

    staff: str | None
    contact: str | None
    program: str | None
    channel: str
    eligibility: str
    service: str | None
    purpose: str | None
    urgency: str | None
    basis: str | None
    pathway: str
    referred_by: str | None
    choice: str | None


def send_draft(
    context: typer.Context, to: str, draft: Draft, file: CodedRequest | None = None
) -> None:
    """Ask for what is missing, then send the referral.

    Args:
        context: Of the command.
        to: The partner, as it was named.
        draft: What was filled in.
        file: What was read of a file, where there is one.

    Raises:
        UsageRefused: Something is missing, and there is no terminal to ask at; or it is not clear
            which program is asked.
        ContentRefused: Something breaks a rule of the dictionary.
    """
    remark(explain_limits(short=True))
    asked = draft if file is None else _fill_in_from(draft, file)
    complete = _Complete(
        staff=ask_text(asked.staff, "--staff", "Who should they ask for"),
        contact=ask_text(asked.contact, "--contact", "How do they reach you"),
        service=ask_code(asked.service, "--service", "service_type", "Which service?"),
        purpose=ask_code(asked.purpose, "--purpose", "purpose_code", "What is it for?"),
        urgency=asked.urgency or _STANDARD,
        basis=ask_code(asked.basis, "--basis", "info_basis", "Where is this known from?"),
        referred_by=ask_code(asked.referred_by, "--referred-by", "referred_by", "Who referred?"),
        choice=ask_code(
            asked.choice, "--choice", "survivor_choice", "What did the survivor choose?"
        ),
        words=read_words(_IN_WORDS),
    )
    with opened(context) as client:
        talk(client)
        partner = find_partner(client, to)
        sent = client.referrals.send(
            partner,
            program=_name_program(partner, asked),
            preferred_channel=asked.channel,
            eligibility_note=asked.eligibility,
            pathway=asked.pathway,
            **_list_fields(complete),
        )
        talk(client)
        tell_sent(client, sent)


@dataclass(frozen=True, slots=True)
class _Complete:
    """What no packet goes without."""

    staff: str
    contact: str
    service: str
    purpose: str
    urgency: str
    basis: str
    referred_by: str
    choice: str
    words: str


def _fill_in_from(draft: Draft, file: CodedRequest) -> Draft:
    # A person can say what the file does not; a script has been told what it goes as.
    unsaid = file.service_type == OTHER and is_at_terminal()
    return replace(
        draft,
        service=draft.service or (None if unsaid else file.service_type),
        urgency=draft.urgency or file.time_sensitivity,
    )


def _list_fields(complete: _Complete) -> dict[str, str]:
    return {
        "staff": complete.staff,
        "contact": complete.contact,
        "service_type": complete.service,
        "purpose_code": complete.purpose,
        "purpose_text": complete.words,
        "info_basis": complete.basis,
        "time_sensitivity": complete.urgency,
        "referred_by": complete.referred_by,
        "survivor_choice": complete.choice,
    }


def _name_program(partner: Partner, draft: Draft) -> str:
    if draft.program is None and len(partner.programs) != 1:
        raise UsageRefused(
            "Name the partner's program with --program: " + ", ".join(partner.programs)
        )
    return draft.program or partner.programs[0]
