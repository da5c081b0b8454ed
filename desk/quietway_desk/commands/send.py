"""`quietway send`: a referral, an answer to one, or a message.

Codes are options; what a person says in words is typed or piped, so that no shell keeps it.

Spec: docs/reference/desk.md, "quietway send".
"""

from pathlib import Path
from typing import Annotated

import typer

from quietway.codes import labels
from quietway.interop.files import read_import_file
from quietway_desk.asking import ask_code, ask_text, check_code, read_words
from quietway_desk.drafts import Draft, make_packet, make_packet_from_file
from quietway_desk.screen import remark
from quietway_desk.session import find_partner, opened, talk
from quietway_desk.words import tell_sent

app = typer.Typer(help="Send a referral, an answer to one, or a message.", no_args_is_help=True)

To = Annotated[str, typer.Option("--to", metavar="CODE", help="The partner, as MERCY.")]
Partners = Annotated[
    list[str], typer.Option("--to", metavar="CODE", help="Which partner; may be repeated.")
]


MOST_CODES_SHOWN = 6


def _code(option: str, list_name: str, what: str) -> object:
    codes = list(labels(list_name))
    shown = f" One of: {', '.join(codes)}." if len(codes) <= MOST_CODES_SHOWN else ""
    return typer.Option(option, metavar="CODE", callback=check_code(list_name), help=what + shown)


@app.command("referral")
def send_referral(
    context: typer.Context,
    *,
    to: To,
    staff: Annotated[
        str | None,
        typer.Option("--staff", metavar="TEXT", help="You, as the partner should ask for you."),
    ] = None,
    contact: Annotated[
        str | None, typer.Option("--contact", metavar="TEXT", help="How the partner reaches you.")
    ] = None,
    program: Annotated[
        str | None,
        typer.Option("--program", metavar="CODE", help="The partner's program, as MERCY-ER."),
    ] = None,
    channel: Annotated[
        str, _code("--channel", "channel_tier", "The channel the program prefers.")
    ] = "secure_message",
    eligibility: Annotated[
        str,
        typer.Option("--eligibility", metavar="TEXT", help="What the program says of eligibility."),
    ] = "As the program states",
    service: Annotated[
        str | None, _code("--service", "service_type", "Which service is asked for.")
    ] = None,
    purpose: Annotated[str | None, _code("--purpose", "purpose_code", "What it is for.")] = None,
    urgency: Annotated[str, _code("--urgency", "time_sensitivity", "How soon.")] = "standard",
    basis: Annotated[
        str | None, _code("--basis", "info_basis", "Where this is known from.")
    ] = None,
    pathway: Annotated[
        str, _code("--pathway", "pathway", "How it is handed over.")
    ] = "direct_handoff",
    referred_by: Annotated[
        str | None, _code("--referred-by", "referred_by", "Who referred.")
    ] = None,
    choice: Annotated[
        str | None, _code("--choice", "survivor_choice", "What the survivor chose.")
    ] = None,
    from_fhir: Annotated[
        Path | None,
        typer.Option(
            "--from-fhir",
            metavar="FILE",
            help="Take service and urgency from a FHIR R4 ServiceRequest; leave the rest behind.",
        ),
    ] = None,
) -> None:
    """Send a referral. What is missing is asked for; the purpose in words is typed or piped in.

    Nobody is named in it: the partner calls your desk back.

    Try this:

      quietway send referral --to HARBOR

      quietway send referral --to HARBOR --from-fhir request.json < purpose.txt
    """
    draft = Draft(
        staff=ask_text(staff, "--staff", "Who should they ask for"),
        contact=ask_text(contact, "--contact", "How do they reach you"),
        program=program,
        channel=channel,
        eligibility=eligibility,
        service=service
        if from_fhir
        else ask_code(service, "--service", "service_type", "Which service?"),
        purpose=ask_code(purpose, "--purpose", "purpose_code", "What is it for?"),
        urgency=urgency,
        basis=ask_code(basis, "--basis", "info_basis", "Where is this known from?"),
        pathway=pathway,
        referred_by=ask_code(referred_by, "--referred-by", "referred_by", "Who referred?"),
        choice=ask_code(choice, "--choice", "survivor_choice", "What did the survivor choose?"),
        words=read_words("The purpose in a sentence or two; name nobody and no place."),
    )
    raw = None if from_fhir is None else read_import_file(from_fhir)
    with opened(context) as client:
        talk(client)
        partner = find_partner(client, to)
        if raw is None:
            packet = make_packet(client, partner, draft)
        else:
            imported = make_packet_from_file(client, partner, draft, raw)
            packet = imported.packet
            remark("Left behind: " + (", ".join(imported.dropped) or "nothing"))
            if imported.unmapped:
                remark("Not in our code map: " + ", ".join(imported.unmapped))
        sent = client.referrals.send(packet, to=partner.agency_id)
        talk(client)
        tell_sent(client, sent)


@app.command("answer")
def send_answer(
    context: typer.Context,
    reference: Annotated[str, typer.Argument(metavar="REFERENCE", help="As ref_... in the inbox.")],
    state: Annotated[
        str | None, _code("--state", "referral_state", "What is decided or done.")
    ] = None,
    reason: Annotated[str | None, _code("--reason", "reason", "Why, where it is refused.")] = None,
    next_steps: Annotated[str | None, _code("--next", "next_steps", "What happens next.")] = None,
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
def send_message(context: typer.Context, to: Partners) -> None:
    """Send a message to one partner or several. The words are typed or piped in, never an option.

    Try this:

      quietway send message --to MERCY < words.txt
    """
    words = read_words("Your message.")
    with opened(context) as client:
        talk(client)
        sent = client.messages.send(words, to=[find_partner(client, name) for name in to])
        talk(client)
        tell_sent(client, sent)
