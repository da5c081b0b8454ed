"""`quietway device request | add | join | approve`: a device comes to an agency.

A new device asks, an ops holder answers, and two people compare four words aloud. On the side of
the ops holder the words are not shown: they are typed as they were heard, or it would be the screen
that agrees with itself.

Spec: docs/reference/desk.md, "Adding a device".
"""

from pathlib import Path
from typing import Annotated, Final

import typer

from quietway import Added, Client, DeviceOffer, DeviceRequest, Proposal, has_request, has_store
from quietway.codes import label_of
from quietway_desk.asking import check_code
from quietway_desk.confirming import read_line, type_to_confirm
from quietway_desk.exchange import Drawn, Photo, Written, show_line, take_line
from quietway_desk.files import check_new
from quietway_desk.naming import call_device
from quietway_desk.passphrase import choose_passphrase, read_passphrase
from quietway_desk.refusals import NotListed, UsageRefused, WordsDiffer
from quietway_desk.screen import remark, say, show_facts, working
from quietway_desk.session import hand_over, needing_relay, opened_by_owner, settings_of, talk

REQUEST: Final = "quietway-device:"
OFFER: Final = "quietway-offer:"
EXAMPLE: Final = """
Try this:

  \b
  quietway device add new-laptop.request --role shelter_staff \\
      --file new-laptop.offer
"""

Roles = Annotated[
    list[str],
    typer.Option("--role", metavar="ROLE", help="What it may do; may be given repeatedly."),
]


def request(
    context: typer.Context,
    file: Written = None,
    *,
    qr: Drawn = False,
    private_machine: Annotated[
        bool,
        typer.Option(
            "--private-machine", help="This computer is somebody's own, not the agency's."
        ),
    ] = False,
) -> None:
    """On a new computer: make its keys, and ask to be let in.

    The keys stay here, under a passphrase that you choose. The request holds no secret. Give it to
    an ops holder of your agency, in the same room or on a call. The same command gives the same
    request again.

    Try this:

      quietway device request --file new-laptop.request
    """
    if file is not None:
        check_new(file)
    passphrase = _take_passphrase(settings_of(context).passphrase_descriptor)
    with working("Making keys ..."):
        made = Client.request_link(passphrase=passphrase, agency_owned=not private_machine)
    show_line(made.to_text(), file, qr=qr)
    remark(f"This device is called {call_device(made.device)}.")
    remark("Show it to an ops holder. With their answer: quietway device join FILE")


def _take_passphrase(descriptor: int | None) -> str:
    if not has_request():
        return choose_passphrase(descriptor)
    remark("This computer asked before. With its passphrase, the same request is shown again.")
    return read_passphrase(descriptor)


def add(
    context: typer.Context,
    role: Roles,
    asked: Annotated[
        Path | None, typer.Argument(metavar="REQUEST", help="The new computer's request.")
    ] = None,
    program: Annotated[
        str | None, typer.Option("--program", metavar="CODE", help="Its program; else yours.")
    ] = None,
    file: Written = None,
    photo: Photo = None,
    *,
    qr: Drawn = False,
    private_machine: Annotated[
        bool, typer.Option("--private-machine", help="Let a private machine in.")
    ] = False,
) -> None:
    """On an ops holder's computer: answer a request, compare four words, and approve.

    Do it with the person beside you or on a call. Their screen shows four words; type what they
    read out. If you did not expect this request, end it with Ctrl-C.
    """
    _check_roles(role)
    if file is not None:
        check_new(file)
    wanted = DeviceRequest.from_text(take_line(asked, photo, begins=REQUEST))
    with opened_by_owner(context) as (client, passphrase):
        talk(client)
        offered = client.devices.offer(
            wanted,
            roles=role,
            passphrase=passphrase,
            program=program,
            private_machine=private_machine,
        )
        show_line(offered.offer.to_text(), file, qr=qr)
        _compare(offered.words)
        with needing_relay("Not approved"):
            answer = client.devices.confirm(wanted, offered.offer, passphrase=passphrase)
        hand_over(client, own=wanted.device)
    _tell_approved(answer, call_device(wanted.device))


def join(
    context: typer.Context,
    answer: Annotated[
        Path | None, typer.Argument(metavar="OFFER", help="The ops holder's answer.")
    ] = None,
    photo: Photo = None,
) -> None:
    """On the new computer: show four words to be compared, and join.

    Read the words out. Go on only when the ops holder says that they were right: type your
    agency's code then.

    Try this:

      quietway device join new-laptop.offer
    """
    offer = DeviceOffer.from_text(take_line(answer, photo, begins=OFFER))
    if has_store():
        raise UsageRefused("There is a device here already. Nothing was changed.")
    passphrase = read_passphrase(settings_of(context).passphrase_descriptor)
    with working("Making the words ..."):
        words = Client.read_offer(passphrase=passphrase, offer=offer)
    show_facts(
        "Read these four words to the ops holder",
        [
            ("Words", " ".join(words)),
            ("Program", offer.program),
            ("Roles", ", ".join(label_of("role", code) for code in offer.roles)),
        ],
    )
    type_to_confirm(
        "When they say that the words are right, type your agency's code", offer.agency_code
    )
    with (
        needing_relay("Not joined"),
        working("Joining ..."),
        Client.join(passphrase=passphrase, offer=offer, words=words),
    ):
        pass
    say(f"This device belongs to {offer.program} now.")
    remark("Before you can send about cases a colleague gives you what is open: quietway inbox")


def approve(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="DEVICE", help="As `device list` calls it.")],
    *,
    decline: Annotated[
        bool, typer.Option("--decline", help="Let go of it on this device instead.")
    ] = False,
) -> None:
    """On a second ops holder's computer: agree to what another one proposes, or let go of it.

    Call the person whose device it is, and type the four words that their screen shows. For new
    roles of a device that you know, type its name.

    Try this:

      quietway device approve kx3v7q2a
    """
    with opened_by_owner(context) as (client, passphrase):
        talk(client)
        proposal = _find_proposal(client, name)
        if decline:
            client.devices.decline(proposal)
            say("Let go of here. Other ops holders may still agree to it.")
            return
        _show_proposal(proposal)
        if proposal.is_new:
            _compare(proposal.words())
        else:
            called = call_device(proposal.device)
            type_to_confirm("Type the device's name to give it these roles", called)
        with needing_relay("Not approved"):
            answer = client.devices.approve(proposal, passphrase=passphrase)
        hand_over(client, own=proposal.device)
    _tell_approved(answer, call_device(proposal.device))


def _find_proposal(client: Client, name: str) -> Proposal:
    wanted = name.strip().lower().removeprefix("dev_")
    found = [held for held in client.devices.proposals() if call_device(held.device) == wanted]
    if not found:
        raise NotListed(f"A proposal for a device called {name}", "quietway device list")
    return found[0]


def _show_proposal(proposal: Proposal) -> None:
    show_facts(
        "A new device" if proposal.is_new else "Other roles for a device",
        [
            ("Device", call_device(proposal.device)),
            ("Program", proposal.program),
            ("Roles", ", ".join(label_of("role", code) for code in proposal.roles)),
            ("Machine", "the agency's own" if proposal.agency_owned else "PRIVATE"),
            ("Proposed by", call_device(proposal.proposed_by)),
        ],
    )


def _compare(words: tuple[str, ...]) -> None:
    typed = read_line("Type the four words that the new computer shows, as they are read to you")
    if [word.strip(" ,.-").casefold() for word in typed.split()] != list(words):
        raise WordsDiffer


def _check_roles(roles: list[str]) -> None:
    for named in roles:
        check_code("role")(named)


def _tell_approved(answer: object, called: str) -> None:
    if isinstance(answer, Added):
        say(f"{called} belongs to the agency now. Every device of it is told.")
        remark(f"Give it what is open: quietway device snapshot {called}")
        return
    say(f"Approved here. {called} waits for another ops holder.")
    remark(f"They run: quietway device approve {called}")
