"""The rules: one table, read from top to bottom, and the first that decides has decided.

Theory of operation. A rule looks at a question and its ground and gives a ruling or nothing. The
first ones refuse what nothing could allow; then comes what needs no release; then what a law, an
order or a release allows; what is left is refused, with what is missing named. So the last rows
only choose words: whatever reaches them is refused.

Rules: no rule has an exception that stands elsewhere. An allowance names its ground: a live
release, an agreement, or another basis, as what it is. A rule's id never gets another meaning; its
words stand in `words`.

Spec: docs/spec/policy.md, "The rules".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from quietway.policy.absolute import Stance
from quietway.policy.agreements import find_limiting
from quietway.policy.categories import (
    BY_LAW,
    HUDDLE,
    MINIMUM,
    WORD_KINDS,
)
from quietway.policy.words import explain_rule
from quietway_schemas.codebook.lists import codes
from quietway_schemas.content.roles import INVESTIGATION, POLICE

if TYPE_CHECKING:
    from collections.abc import Callable

    from quietway.policy.agreements import Matrix
    from quietway.policy.question import Ground, Question
    from quietway.policy.releases import Release
    from quietway_schemas.instants import Instant

NON_IDENTIFYING: Final = "non_identifying"
SURVIVOR_RELEASE: Final = "survivor_release"
_LINK: Final = "case.link"
_LOOP: Final = frozenset({"services", "status"})
"""What closes the loop to the agency that the case came from: codes about its own referral."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ruling:
    """The answer, and which rule gave it.

    Attributes:
        allowed: Whether it may be said.
        rule: The id of the rule that decided.
        basis: A code of `disclosure_basis`; None where it was refused.
        consent_id: The release that covers it, 16 bytes; None where it stands on none.
        agreement_id: The agreement that it lies within, 16 bytes; None where none is in force.
        retain_days: For how long the recipient may keep it; None where no agreement says so.
        until: Until when this answer can stand; None where nothing ends it by itself.
        identifying: Whether it counts as about somebody whom the recipient can name.
        notice_due: Whether the survivor is to be told that it was disclosed.
        missing: Codes that are not covered, sorted; empty where it is not about codes.
    """

    allowed: bool
    rule: str
    basis: str | None = None
    consent_id: bytes | None = None
    agreement_id: bytes | None = None
    retain_days: int | None = None
    until: Instant | None = None
    identifying: bool = False
    notice_due: bool = False
    missing: tuple[str, ...] = ()

    def explain(self, language: str = "en") -> str:
        """Say in a caseworker's words what was decided, why, and what to do next.

        Args:
            language: `en` or `es`; any other is answered in English.
        """
        return explain_rule(self.rule, self.missing, language)


def rule(question: Question, ground: Ground) -> Ruling:
    """Say whether this may go there now, and by which rule."""
    for decide in RULES.values():
        ruling = decide(question, ground)
        if ruling is not None:
            return ruling
    return _not_released(question, ground)


def counts_as_identifying(question: Question, ground: Ground) -> bool:
    """Say whether a content is about somebody whom the recipient can name.

    An alias that somebody can put a name to is none: once told, everything about the case counts.
    """
    if question.identifying or question.categories & {"identity", "contact"}:
        return True
    return ground.identified and not _closes_loop(question)


def _closes_loop(question: Question) -> bool:
    return question.to_source and question.categories <= _LOOP


def _needs_release(question: Question, ground: Ground) -> bool:
    if _is_withdrawn(ground) or question.kind == _LINK:
        return True
    shared = question.scope == HUDDLE and not (question.exercise or question.to_source)
    return shared or counts_as_identifying(question, ground)


def _is_withdrawn(ground: Ground) -> bool:
    return any(held.stance is not Stance.GRANTED for held in ground.releases)


def _refuse(rule_id: str, missing: tuple[str, ...] = ()) -> Ruling:
    return Ruling(allowed=False, rule=rule_id, missing=missing)


def _word_itself(question: Question, ground: Ground) -> Ruling | None:
    """P01: what a survivor decided, and what undoes a disclosure, always arrives."""
    del ground
    if question.kind not in WORD_KINDS or question.identifying:
        return None
    return Ruling(allowed=True, rule="P01", basis=NON_IDENTIFYING)


def _no_case(question: Question, ground: Ground) -> Ruling | None:
    """P02: it is about no case, and about nobody."""
    del ground
    if question.case or question.identifying:
        return None
    return Ruling(allowed=True, rule="P02", basis=NON_IDENTIFYING)


def _no_such_category(question: Question, ground: Ground) -> Ruling | None:
    """P03: a category that the dictionary has not, or has forbidden (`location`)."""
    del ground
    unknown = question.categories - codes("data_category")
    return _refuse("P03", tuple(sorted(unknown))) if unknown else None


def _ended(question: Question, ground: Ground) -> Ruling | None:
    """P10: the survivor ended sharing about this case with this agency."""
    del question
    return _refuse("P10") if ground.stance is Stance.ENDED else None


def _paused(question: Question, ground: Ground) -> Ruling | None:
    """P11: it is paused."""
    del question
    return _refuse("P11") if ground.stance is Stance.PAUSED else None


def _nobody_decided(question: Question, ground: Ground) -> Ruling | None:
    """P12: a program widens no audience, and names nobody."""
    if not question.automatic or (ground.told and not question.identifying):
        return None
    return _refuse("P12")


def _investigation(question: Question, ground: Ground) -> Ruling | None:
    """P13: what belongs to an investigation goes to those who work on it."""
    del ground
    if question.compartment != "investigation":
        return None
    there = question.roles_there
    if there and all(held & INVESTIGATION for held in there):
        return None
    return _refuse("P13")


def _confidential(question: Question, ground: Ground) -> Ruling | None:
    """P14: what was said to an advocate goes to no police without a release that covers it."""
    if question.compartment != "advocate_confidential":
        return None
    there = question.roles_there
    if there and not any(held & POLICE for held in there):
        return None
    return None if _find_covering(question, ground) else _refuse("P14")


def _says_otherwise(question: Question, ground: Ground) -> Ruling | None:
    """P15: what identifies says on which ground, and not that it identifies nobody."""
    del ground
    if not question.identifying or question.basis in {SURVIVOR_RELEASE, *BY_LAW}:
        return None
    return _refuse("P15")


def _law_unnamed(question: Question, ground: Ground) -> Ruling | None:
    """P16: a law or an order is named."""
    del ground
    stated = (question.basis_reference or "").strip()
    return _refuse("P16") if question.basis in BY_LAW and not stated else None


def _outside_agreement(question: Question, ground: Ground) -> Ruling | None:
    """P20: where agencies have agreed on what flows, nothing else does."""
    limits = find_limiting(ground.agreements, question.now)
    if not limits or _find_matrix(question, ground):
        return None
    identifying = counts_as_identifying(question, ground)
    outside = min(
        (held.list_outside(question, identifying=identifying) for held in limits), key=len
    )
    return _refuse("P20", outside)


def _by_law(question: Question, ground: Ground) -> Ruling | None:
    """P30, P31: a statute or a court's order. The survivor is to be told."""
    basis = question.basis
    if basis is None or basis not in BY_LAW:
        return None
    return _allow(question, ground, BY_LAW[basis], basis, notice_due=True)


def _pseudonymous(question: Question, ground: Ground) -> Ruling | None:
    """P40, P41: it names nobody, and lies within the agreement, or within what needs none."""
    if _needs_release(question, ground):
        return None
    matrix = _find_matrix(question, ground)
    if matrix is not None and matrix.is_active(question.now):
        return _allow(question, ground, "P40", NON_IDENTIFYING)
    if question.categories <= MINIMUM:
        return _allow(question, ground, "P41", NON_IDENTIFYING)
    return None


def _released(question: Question, ground: Ground) -> Ruling | None:
    """P50: the survivor's release covers it, now."""
    release = _find_covering(question, ground)
    if release is None:
        return None
    end = release.find_end(question)
    return _allow(question, ground, "P50", SURVIVOR_RELEASE, release=release.consent_id, until=end)


def _vouched(question: Question, ground: Ground) -> Ruling | None:
    """P51: another agency brought it into the huddle, and says on which ground."""
    if ground.vouched is None or question.scope != HUDDLE:
        return None
    if question.identifying or _is_withdrawn(ground):
        return None
    return _allow(question, ground, "P51", ground.vouched)


def _beyond_minimum(question: Question, ground: Ground) -> Ruling | None:
    """P60: it names nobody, but says more than flows without an agreement or a release."""
    if _needs_release(question, ground):
        return None
    return _refuse("P60", tuple(sorted(question.categories - MINIMUM)))


def _not_released(question: Question, ground: Ground) -> Ruling:
    """P61 to P66: why no release covers it; the one that comes nearest has the word."""
    misses = [_miss(held, question) for held in ground.releases]
    return max(misses, key=lambda held: held.rule, default=_refuse("P61"))


def _miss(release: Release, question: Question) -> Ruling:
    if release.stance is Stance.ENDED:
        return _refuse("P62")
    if release.stance is Stance.PAUSED:
        return _refuse("P63")
    if release.is_over(question.now):
        return _refuse("P64")
    if question.now < release.opens:
        return _refuse("P65")
    return _refuse("P66", release.list_uncovered(question))


RULES: Final[dict[str, Callable[[Question, Ground], Ruling | None]]] = {
    "P01": _word_itself,
    "P02": _no_case,
    "P03": _no_such_category,
    "P10": _ended,
    "P11": _paused,
    "P12": _nobody_decided,
    "P13": _investigation,
    "P14": _confidential,
    "P15": _says_otherwise,
    "P16": _law_unnamed,
    "P20": _outside_agreement,
    "P30": _by_law,
    "P40": _pseudonymous,
    "P50": _released,
    "P51": _vouched,
    "P60": _beyond_minimum,
}
"""The rules by the first id that each gives, in the order in which they are asked. What none of
them decides is `_not_released`."""


def _find_covering(question: Question, ground: Ground) -> Release | None:
    """Find the release that covers a question, of several the one that ends last."""
    covering = [held for held in ground.releases if held.covers(question)]
    return max(covering, key=lambda held: (held.until or 0, held.consent_id), default=None)


def _find_matrix(question: Question, ground: Ground) -> Matrix | None:
    """Find the agreement that a question lies within; None also where none limits."""
    identifying = counts_as_identifying(question, ground)
    within = [
        held
        for held in find_limiting(ground.agreements, question.now)
        if not held.list_outside(question, identifying=identifying)
    ]
    return max(within, key=lambda held: (held.effective, held.agreement_id), default=None)


def _allow(
    question: Question,
    ground: Ground,
    rule_id: str,
    basis: str,
    *,
    release: bytes | None = None,
    until: Instant | None = None,
    notice_due: bool = False,
) -> Ruling:
    identifying = counts_as_identifying(question, ground)
    matrix = _find_matrix(question, ground)
    active = matrix is not None and matrix.is_active(question.now)
    ends = [
        end for end in (until, matrix.expires if matrix and active else None) if end is not None
    ]
    return Ruling(
        allowed=True,
        rule=rule_id,
        basis=basis,
        consent_id=release,
        agreement_id=matrix.agreement_id if matrix and active else None,
        retain_days=matrix.find_retention(question, identifying=identifying) if matrix else None,
        until=min(ends, default=None),
        identifying=identifying,
        notice_due=notice_due,
    )
