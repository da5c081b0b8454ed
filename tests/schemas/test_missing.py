"""What is missing is told: all of it before building, and the first of it when opening."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from tests.schemas.samples import make_packet, make_smallest

from quietway_schemas.canonical import encode_canonical
from quietway_schemas.content.missing import list_missing
from quietway_schemas.content.referral import ReferralPacket
from quietway_schemas.content.registry import (
    CONTENT_TYPES,
    encode_content,
    find_class,
    parse_content,
)
from quietway_schemas.errors import ContentError

if TYPE_CHECKING:
    from quietway_schemas.content.base import ContentModel


@pytest.mark.requirement("C38")
@pytest.mark.parametrize("content", make_smallest(), ids=lambda held: held.type)
def test_each_missing_field_is_reported_refused_before_sealing_and_after_opening(
    content: ContentModel,
) -> None:
    """C38: cross-check missing required fields, before seal and after open, with a report."""
    model = CONTENT_TYPES[content.type].model
    given = {name: getattr(content, name) for name in model.model_fields}
    assert list_missing(model, given) == ()
    written = json.loads(encode_content(content))
    required = [name for name, field in model.model_fields.items() if field.is_required()]
    assert list_missing(model, {}) == tuple(required)
    for name in required:
        assert list_missing(model, given | {name: None}) == (name,)
        with pytest.raises(ContentError) as before:
            model.model_validate({key: value for key, value in given.items() if key != name})
        assert before.value.field == name
        less = encode_canonical({key: value for key, value in written.items() if key != name})
        with pytest.raises(ContentError) as after:
            parse_content(less, find_class(content))
        assert after.value.field == name


@pytest.mark.requirement("C38")
def test_a_form_hears_of_everything_that_it_lacks_at_once() -> None:
    """C38: the report names each field, those of a part too, and blanks."""
    packet = make_packet()
    given = {name: getattr(packet, name) for name in ReferralPacket.model_fields}
    referring = {"agency": "HARBOR", "program": "HARBOR-SHELTER", "staff": " ", "at": 1}
    changed = given | {"referring": referring, "pathway": None, "purpose_text": "\n"}
    assert list_missing(ReferralPacket, changed) == (
        "referring.staff",
        "referring.contact",
        "purpose_text",
        "pathway",
    )
