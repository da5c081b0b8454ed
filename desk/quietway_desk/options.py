"""The options that several commands share, each with its words; most are of a referral.

Codes are checked against their lists before anything is asked or opened.

Spec: docs/reference/desk.md, "Sending a referral".
"""

from typing import Annotated, Final

import typer

from quietway.codes import labels
from quietway_desk.asking import check_code

MOST_CODES_SHOWN: Final = 6


def code_option(option: str, list_name: str, what: str) -> object:
    """Make an option that holds a code of one list; a short list is shown in its help."""
    codes = list(labels(list_name))
    shown = f" One of: {', '.join(codes)}." if len(codes) <= MOST_CODES_SHOWN else ""
    return typer.Option(option, metavar="CODE", callback=check_code(list_name), help=what + shown)


To = Annotated[str, typer.Option("--to", metavar="CODE", help="The partner, as MERCY.")]
Staff = Annotated[
    str | None,
    typer.Option("--staff", metavar="TEXT", help="You, as the partner should ask for you."),
]
Contact = Annotated[
    str | None, typer.Option("--contact", metavar="TEXT", help="How the partner reaches you.")
]
Program = Annotated[
    str | None,
    typer.Option("--program", metavar="CODE", help="The partner's program, as MERCY-ER."),
]
Channel = Annotated[str, code_option("--channel", "channel_tier", "The channel it prefers.")]
Eligibility = Annotated[
    str,
    typer.Option("--eligibility", metavar="TEXT", help="What the program says of eligibility."),
]
Service = Annotated[
    str | None, code_option("--service", "service_type", "Which service is asked for.")
]
Purpose = Annotated[str | None, code_option("--purpose", "purpose_code", "What it is for.")]
Urgency = Annotated[str | None, code_option("--urgency", "time_sensitivity", "How soon.")]
Basis = Annotated[str | None, code_option("--basis", "info_basis", "Where this is known from.")]
Pathway = Annotated[str, code_option("--pathway", "pathway", "How it is handed over.")]
ReferredBy = Annotated[str | None, code_option("--referred-by", "referred_by", "Who referred.")]
Choice = Annotated[
    str | None, code_option("--choice", "survivor_choice", "What the survivor chose.")
]
Event = Annotated[
    str, typer.Argument(metavar="EVENT", help="The eight characters that the list shows.")
]

CHANNEL: Final = "secure_message"
ELIGIBILITY: Final = "As the program states"
PATHWAY: Final = "deidentified_vsp_contact"
