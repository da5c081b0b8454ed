"""What is asked before anything is said, and what the answer may go by. Values only; no rule.

A question is about one content for one agency: what is said to three is asked three times. The
ground is everything that this device knows about that case and that agency, gathered by whoever
asks: so the answer is a function of these two values and of nothing else.

Spec: docs/spec/policy.md, "The question" and "The ground".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from quietway.policy.absolute import Stance

if TYPE_CHECKING:
    from quietway.policy.agreements import Matrix
    from quietway.policy.releases import Release
    from quietway_schemas.ids import AgencyId
    from quietway_schemas.instants import Instant


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """May this go to that agency now?

    Attributes:
        recipient: The agency.
        kind: The content's type.
        now: When it is asked.
        categories: Codes of `data_category`: what the content says; see `categories_of`.
        purpose: A code of `purpose_of_use`; see `purpose_of`.
        case: Whether it concerns a case: true of every `CaseContent`.
        scope: A code of `consent_scope` that a release must name; None where the type asks for
            none; see `scope_of`.
        circumstance: A code of `circumstance`: what sets it off; None where nothing special does.
        identifying: Whether the content itself identifies a person.
        basis: A code of `disclosure_basis`, as the content or its author states it; None for none.
        basis_reference: The number of the order, or the law and its section; None for none.
        compartment: A code of `compartment`; None for none.
        roles_there: The roles of each device there that would get it, as its certificate lists them
            now. Empty where no device is known yet.
        to_source: Whether the case came from that agency, and this answers it.
        automatic: Whether a program says it by itself, and no person decided.
        exercise: Whether it is marked as a drill.
    """

    recipient: AgencyId
    kind: str
    now: Instant
    categories: frozenset[str]
    purpose: str
    case: bool = True
    scope: str | None = None
    circumstance: str | None = None
    identifying: bool = False
    basis: str | None = None
    basis_reference: str | None = None
    compartment: str | None = None
    roles_there: tuple[frozenset[str], ...] = ()
    to_source: bool = False
    automatic: bool = False
    exercise: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """What is known about the case of a question and its recipient.

    Attributes:
        stance: Whether anything about the case may go there: the most protective of what was
            decided about this case with this agency, and of what this agency was told by whoever
            disclosed the case to it.
        releases: Every release of this case for this one recipient, whatever its stance.
        identified: Whether that agency was ever told who it is; that never goes away again.
        told: Whether that agency was told of the case before, by a person's decision.
        agreements: The agreements with that agency which all parties have signed, whenever they
            count.
        vouched: A code of `disclosure_basis`: on which ground another agency brought that one into
            the huddle, as the last statement of who takes part says; None where none did.
    """

    stance: Stance = Stance.GRANTED
    releases: tuple[Release, ...] = ()
    identified: bool = False
    told: bool = False
    agreements: tuple[Matrix, ...] = ()
    vouched: str | None = None
