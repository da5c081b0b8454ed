"""The register of agency and program codes."""

import pytest
from tests.schemas.samples import make_certificate, make_manifest

from quietway_schemas.errors import ContentError
from quietway_schemas.ids import AgencyId
from quietway_schemas.programs import RegisteredCodes, register_codes, retire_code


@pytest.mark.requirement("C30")
def test_codes_have_one_form_one_owner_and_are_never_used_again() -> None:
    """C30: a registry of AGENCY-PROGRAM codes, unique, and retired ones not reused."""
    harbor = make_manifest("HARBOR")
    known = register_codes(RegisteredCodes(), harbor)
    assert known.programs == {"HARBOR-SHELTER"}
    assert register_codes(known, harbor) == known
    with pytest.raises(ContentError, match="another agency"):
        register_codes(known, make_manifest("HARBOR", agency_id=AgencyId(bytes(16))))
    later = retire_code(known, "HARBOR-SHELTER")
    with pytest.raises(ContentError, match="retired"):
        register_codes(later, harbor)


@pytest.mark.requirement("C30")
@pytest.mark.parametrize(
    "code", ["HARBOR", "harbor-shelter", "HARBOR-", "-SHELTER", "H-S", "HARBOR_SHELTER", "1A-BC"]
)
def test_a_code_outside_the_naming_convention_is_refused(code: str) -> None:
    """C30: naming conventions."""
    with pytest.raises(ContentError, match="program"):
        make_certificate(program=code)


def test_an_agency_that_renames_itself_gives_up_its_former_codes() -> None:
    harbor = make_manifest("HARBOR")
    renamed = make_manifest("HAVEN", agency_id=harbor.agency_id)
    known = register_codes(register_codes(RegisteredCodes(), harbor), renamed)
    assert known.programs == {"HAVEN-SHELTER"}
    assert known.retired == {"HARBOR", "HARBOR-SHELTER"}
    with pytest.raises(ContentError, match="retired"):
        register_codes(known, make_manifest("HARBOR", agency_id=AgencyId(bytes(16))))


def test_a_code_that_nobody_uses_can_not_be_retired() -> None:
    with pytest.raises(ContentError, match="used by nobody"):
        retire_code(RegisteredCodes(), "HARBOR-SHELTER")
