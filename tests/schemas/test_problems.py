"""The one register of refusals."""

import re
from pathlib import Path

import pytest

from quietway_schemas.errors import ContentError, UnknownCodeError
from quietway_schemas.problems import MAX_PROBLEM_BYTES, PROBLEMS, ProblemBody

SPEC = Path(__file__).parents[2] / "docs" / "spec" / "relay-protocol.md"
ROW = re.compile(r"^\| ((?:`[a-z_]+`(?:, )?)+) \| (\d{3}) \|", re.MULTILINE)


def test_the_register_and_the_spec_name_the_same_refusals() -> None:
    rows = ROW.findall(SPEC.read_text(encoding="utf-8"))
    written = {code: int(status) for codes, status in rows for code in re.findall("[a-z_]+", codes)}
    assert written == {code: problem.status for code, problem in PROBLEMS.items()}


@pytest.mark.parametrize("code", sorted(PROBLEMS))
def test_every_refusal_says_what_happened_and_what_to_do_next(code: str) -> None:
    body = ProblemBody.of(code, index=3, field="relay")
    raw = body.to_canonical()
    assert ProblemBody.from_body(raw, max_bytes=MAX_PROBLEM_BYTES) == body
    assert body.code == code
    assert body.title.endswith(".")
    assert body.detail.endswith(".")


def test_a_refusal_that_is_not_registered_does_not_exist() -> None:
    with pytest.raises(UnknownCodeError):
        ProblemBody.of("teapot")


def test_a_body_that_is_no_problem_is_refused() -> None:
    with pytest.raises(ContentError, match="type"):
        ProblemBody(type="about:blank", title="No", status=404, detail="No")


def test_a_problem_without_place_or_field_leaves_both_out() -> None:
    assert b"index" not in ProblemBody.of("internal").to_canonical()
    assert b"field" not in ProblemBody.of("internal").to_canonical()
