"""Two or three agencies of advocates, and a case that one of them opened and spoke of."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.client_sdk.agencies import HOSPITAL, POLICE, SHELTER

if TYPE_CHECKING:
    from quietway import Client
    from quietway.content import CaseRef
    from quietway.testing import Sandbox

ADVOCATE = ("frontline_advocate",)


def found(sandbox: Sandbox, *programs: str) -> list[Client]:
    """Found agencies whose devices are advocates'."""
    return [sandbox.agency(program, roles=ADVOCATE) for program in programs]


def tell(sandbox: Sandbox, shelter: Client, *others: Client) -> CaseRef:
    """Open a case at the shelter, and speak of it with each of the others."""
    case = shelter.cases.open()
    for other in others:
        shelter.status.set("advocate_assigned", to=other.agency_id, case_ref=case)
    sandbox.sync()
    return case


def only_case(client: Client) -> CaseRef:
    """What an agency calls the one case that it was told of."""
    (held,) = client.cases.list()
    return held.case_ref


def two(sandbox: Sandbox) -> tuple[Client, Client, CaseRef, CaseRef]:
    """A shelter and a hospital, and what each calls the case."""
    shelter, hospital = found(sandbox, SHELTER, HOSPITAL)
    case = tell(sandbox, shelter, hospital)
    return shelter, hospital, case, only_case(hospital)


def three(sandbox: Sandbox) -> tuple[Client, Client, Client, CaseRef]:
    """The police too, and what the shelter calls the case."""
    shelter, hospital, police = found(sandbox, SHELTER, HOSPITAL, POLICE)
    return shelter, hospital, police, tell(sandbox, shelter, hospital, police)
