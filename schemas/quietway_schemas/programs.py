"""The register of agency and program codes: `AGENCY-PROGRAM`, each with one owner, none used twice.

Codes stand in referrals and reports for years. If a code that one program gave up could name
another, an old referral would point at the wrong door. So a code belongs to the agency that first
showed it, and a retired one is never used again. These are pure functions over manifests that were
already verified; they keep nothing.

Spec: docs/spec/directory.md.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from quietway_schemas.directory import Manifest
from quietway_schemas.errors import ContentError
from quietway_schemas.ids import AgencyId


@dataclass(frozen=True, slots=True)
class RegisteredCodes:
    """Every agency and program code that was ever seen.

    Attributes:
        owners: Agency code -> the agency that it names.
        programs: Program codes in use.
        retired: Agency and program codes that were given up, for good.
    """

    owners: Mapping[str, AgencyId] = field(default_factory=dict)
    programs: frozenset[str] = frozenset()
    retired: frozenset[str] = frozenset()


def register_codes(known: RegisteredCodes, new: Manifest) -> RegisteredCodes:
    """Take up the codes of a verified manifest.

    An agency that comes with a new code of its own gives up the former, and all programs under it.

    Raises:
        ContentError: The code names another agency, or was retired.
    """
    programs = frozenset(device.program for device in new.certificates)
    if known.owners.get(new.agency_code, new.agency_id) != new.agency_id:
        raise ContentError("agency_code", "names another agency already: choose another code")
    if known.retired & {new.agency_code, *programs}:
        raise ContentError("program", "holds a retired code: choose one that was never used")
    former = {code for code, owner in known.owners.items() if owner == new.agency_id}
    for code in former - {new.agency_code}:
        known = retire_code(known, code)
    owners = {**known.owners, new.agency_code: new.agency_id}
    return replace(known, owners=owners, programs=known.programs | programs)


def retire_code(known: RegisteredCodes, code: str) -> RegisteredCodes:
    """Give up a program code, or an agency code with all its programs. It is never used again.

    Raises:
        ContentError: Nobody uses this code.
    """
    if code not in known.owners and code not in known.programs:
        raise ContentError("code", "is used by nobody, so it can't be retired")
    gone = {held for held in known.programs if held == code or held.startswith(f"{code}-")}
    owners = {held: agency for held, agency in known.owners.items() if held != code}
    return RegisteredCodes(owners, known.programs - gone, known.retired | gone | {code})
