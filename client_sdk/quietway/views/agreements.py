"""An agreement in plain words, from its terms alone: who may be told what, for what, how long.

The words are the same for every device that holds the same terms and catalogue, so the parties can
sign a hash of them. Days are those of UTC, and the text says so.

Spec: docs/spec/agreements.md, "In plain words".
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Final

from quietway_schemas.codebook.lists import label
from quietway_schemas.instants import SECOND
from quietway_schemas.locale import say

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from quietway_schemas.content.agreement import AgreementCell, AgreementTerms
    from quietway_schemas.ids import AgencyId
    from quietway_schemas.instants import Instant

_OPENING: Final = "agreements.opening"


def explain_terms(
    terms: AgreementTerms, names: Mapping[AgencyId, str], language: str = "en"
) -> str:
    """Explain an agreement to people who sign it, or whom it is about.

    Args:
        terms: What is agreed.
        names: What the parties are called; who is missing is called by its id.
        language: As `quietway_schemas.locale.LANGUAGES` has them.

    Returns:
        Lines of text, one for each thing that may be told.
    """
    opening = say(
        _OPENING,
        language,
        parties=_call(terms.parties, names),
        name=terms.name,
        version=terms.version,
    )
    times = say(
        "agreements.times",
        language,
        effective=_show_day(terms.effective),
        expires=_show_day(terms.expires),
        review_by=_show_day(terms.review_by),
    )
    lines = (_explain_cell(cell, names, language) for cell in terms.matrix)
    rest = (say("agreements.nothing_else", language), times, say("agreements.leaving", language))
    return "\n".join((opening, *(f"- {line}" for line in lines), *rest))


def _explain_cell(cell: AgreementCell, names: Mapping[AgencyId, str], language: str) -> str:
    said = [
        say(
            "agreements.line",
            language,
            recipients=_call(cell.recipients, names),
            categories=_list("data_category", cell.categories, language),
            purposes=_list("purpose_of_use", cell.purposes, language),
            days=cell.retention_days,
        )
    ]
    if cell.roles:
        said.append(say("agreements.roles", language, roles=_list("role", cell.roles, language)))
    said.append(say("agreements.named" if cell.identifying else "agreements.unnamed", language))
    return " ".join(said)


def _list(list_name: str, codes: Iterable[str], language: str) -> str:
    return ", ".join(label(list_name, code, language).lower() for code in codes)


def _call(agencies: Iterable[AgencyId], names: Mapping[AgencyId, str]) -> str:
    return ", ".join(names.get(agency, str(agency)) for agency in agencies)


def _show_day(at: Instant) -> str:
    return dt.datetime.fromtimestamp(at // SECOND, tz=dt.UTC).date().isoformat()
