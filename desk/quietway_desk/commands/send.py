"""`quietway send`: a referral, an answer to one, or a message.

Codes are options; what a person says in words is typed or piped, so that no shell keeps it.

Spec: docs/reference/desk.md, "quietway send".
"""

from pathlib import Path
from typing import Annotated

import typer

from quietway.checking import explain_limits
from quietway.interop import CodedRequest
from quietway_desk import options
from quietway_desk.asking import ask_code, read_words
from quietway_desk.drafts import Draft, send_draft
from quietway_desk.files import take_file
from quietway_desk.screen import remark
from quietway_desk.session import find_partner, opened, talk
from quietway_desk.words import tell_sent

app = typer.Typer(help="Send a referral, an answer to one, or a message.", no_args_is_help=True)

Partners = Annotated[
    list[str], typer.Option("--to", metavar="CODE", help="Which partner; may be repeated.")
]


@app.command("referral")
def send_referral(
    context: typer.Context,
    *,
    to: options.To,
    staff: options.Staff = None,
    contact: options.Contact = None,
    program: options.Program = None,
    channel: options.Channel = options.CHANNEL,
    eligibility: options.Eligibility = options.ELIGIBILITY,
    service: options.Service = None,
    purpose: options.Purpose = None,
    urgency: options.Urgency = None,
    basis: options.Basis = None,
    pathway: options.Pathway = options.PATHWAY,
    referred_by: options.ReferredBy = None,
    choice: options.Choice = None,
    from_fhir: Annotated[
        Path | None,
        typer.Option(
            "--from-fhir",
            metavar="FILE",
            help="The older way to say `quietway referral import FILE`; it goes away in 0.3.",
        ),
    ] = None,
) -> None:
    """Send a referral. What is missing is asked for; the purpose in words is typed or piped in.

    Nobody is named in it: the partner calls your desk back. A request of another system is sent
    with `quietway referral import FILE`. Codes first: no guard catches every description of a
    place (quietway guard limits).

    Try this:

      quietway send referral --to HARBOR

      quietway send referral --to HARBOR --service safehouse --urgency urgent
    """
    draft = Draft(
        staff=staff,
        contact=contact,
        program=program,
        channel=channel,
        eligibility=eligibility,
        service=service,
        purpose=purpose,
        urgency=urgency,
        basis=basis,
        pathway=pathway,
        referred_by=referred_by,
        choice=choice,
    )
    send_draft(context, to, draft, None if from_fhir is None else _take_as_before(from_fhir))


def _take_as_before(file: Path) -> CodedRequest:
    remark("--from-fhir goes away in 0.3. Say: quietway referral import FILE --to CODE")
    return take_file(file)


@app.command("answer")
def send_answer(
    context: typer.Context,
    reference: Annotated[str, typer.Argument(metavar="REFERENCE", help="As ref_... in the inbox.")],
    state: Annotated[
        str | None, options.code_option("--state", "referral_state", "What is decided or done.")
    ] = None,
    reason: Annotated[
        str | None, options.code_option("--reason", "reason", "Why, where it is refused.")
    ] = None,
    next_steps: Annotated[
        str | None, options.code_option("--next", "next_steps", "What happens next.")
    ] = None,
) -> None:
    """Answer a referral: accept, decline, put on the waiting list, or say how it went.

    Try this:

      quietway send answer ref_... --state accepted --next contact_planned
    """
    chosen = ask_code(state, "--state", "referral_state", "What do you answer?")
    with opened(context) as client:
        talk(client)
        sent = client.referrals.answer(
            reference, state=chosen, reason_code=reason, next_steps=next_steps
        )
        talk(client)
        tell_sent(client, sent)


@app.command("message")
def send_message(
    context: typer.Context,
    to: Partners,
    answers: Annotated[
        str | None,
        typer.Option(
            "--answers", metavar="MESSAGE", help="What it answers, as msg_... in a conversation."
        ),
    ] = None,
) -> None:
    """Send a message to one partner or several. The words are typed or piped in, never an option.

    They are read for places, routines and private numbers before anything is sealed; what is
    refused says why and what to write instead. Codes first: no guard catches every description of a
    place (quietway guard limits).

    Try this:

      quietway send message --to MERCY < words.txt

      quietway send message --to MERCY --answers msg_...
    """
    remark(explain_limits(short=True))
    words = read_words("Your message.")
    with opened(context) as client:
        talk(client)
        partners = [find_partner(client, name) for name in to]
        sent = client.messages.send(words, to=partners, answers=answers)
        talk(client)
        tell_sent(client, sent)
