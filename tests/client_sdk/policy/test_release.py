"""Release: what identifies a person leaves with a stated ground only."""

from __future__ import annotations

import pytest

from quietway.errors import ContentRefused
from quietway.policy.release import check_release
from quietway_schemas.content.message import MessageText
from quietway_schemas.ids import AgencyId

ONE, OTHER = AgencyId(b"1" * 16), AgencyId(b"2" * 16)


def test_what_identifies_nobody_needs_no_ground() -> None:
    check_release(MessageText(text="hello"), [ONE, OTHER])


@pytest.mark.parametrize("basis", ["statutory_mandate", "court_order"])
def test_a_legal_ground_covers_every_agency_named(basis: str) -> None:
    content = MessageText(text="hello", identifiability="identifying", disclosure_basis=basis)
    check_release(content, [ONE, OTHER])


def test_a_survivors_release_covers_one_agency() -> None:
    content = MessageText(
        text="hello", identifiability="identifying", disclosure_basis="survivor_release"
    )
    check_release(content, [ONE, ONE])
    with pytest.raises(ContentRefused, match="covers one"):
        check_release(content, [ONE, OTHER])


def test_identifying_content_without_a_ground_is_refused_whoever_built_it() -> None:
    unchecked = MessageText.model_construct(text="hello", identifiability="identifying")
    with pytest.raises(ContentRefused, match="disclosure_basis"):
        check_release(unchecked, [ONE])
