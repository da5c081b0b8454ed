"""Random questions on random grounds: releases of many versions, agreements, roles, compartments.

A world is made of one seed, so thousands cost seconds, and a failure names the seed that shows it
again. Versions are written by authors who each saw an arbitrary part of those before. Values are
drawn from few, so that they meet.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, TypeVar

from quietway.policy.absolute import Permission, Stance, Versions, learn, name_seen
from quietway.policy.agreements import Cell, Matrix
from quietway.policy.question import Ground, Question
from quietway.policy.releases import ReleaseVersion, WindowVersion, decide_release
from quietway_schemas.ids import AgencyId

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from random import Random

US, THEY, OTHERS = AgencyId(b"u" * 16), AgencyId(b"t" * 16), AgencyId(b"o" * 16)
CONSENT, OTHER_CONSENT = b"c" * 16, b"d" * 16
NOW: Final = 1_000
CATEGORIES: Final = ("health", "identity", "narrative", "services", "status")
PURPOSES: Final = ("crisis_response", "service_referral")
SCOPES: Final = ("health", "linkage")
CIRCUMSTANCES: Final = ("court_event", "planned_referral")
ROLES: Final = ("frontline_advocate", "legal_aid", "police_liaison", "shelter_staff")
KINDS: Final = ("case.link", "message.text", "referral.outcome", "status.indicator")
BASES: Final = (None, "court_order", "non_identifying", "statutory_mandate", "survivor_release")

_Held = TypeVar("_Held")


@dataclass(frozen=True)
class World:
    """What is asked, on which ground; the releases as the versions that are known.

    Attributes:
        question: What is asked.
        ground: On what, without its releases.
        versions: By consent id, what is known of each release.
    """

    question: Question
    ground: Ground
    versions: dict[bytes, tuple[Permission, ...]]

    def to_ground(self) -> Ground:
        """Put the releases to the ground, as whoever asks does."""
        merged = (
            decide_release(consent_id, learn(Versions(), *known).current.values())
            for consent_id, known in self.versions.items()
        )
        return replace(self.ground, releases=tuple(held for held in merged if held is not None))


def draw_world(chance: Random) -> World:
    """Make one world."""
    made = {
        consent_id: draw_versions(chance, 6)
        for consent_id in (CONSENT, OTHER_CONSENT)[: chance.randint(0, 2)]
    }
    return World(_draw_question(chance), _draw_ground(chance), made)


def draw_versions(chance: Random, most: int) -> tuple[Permission, ...]:
    """Make the versions of one release, the first of them a grant."""
    written: list[Permission] = [draw_grant(chance, ())]
    for _ in range(chance.randint(0, most - 1)):
        seen = [held for held in written if chance.random() < 0.6]
        makers = (draw_grant, draw_grant, draw_stop, draw_window)
        written.append(chance.choice(makers)(chance, seen))
    return tuple(written)


def draw_grant(chance: Random, seen: Iterable[Permission]) -> ReleaseVersion:
    """Make a grant by somebody who saw these."""
    return ReleaseVersion(
        name=_draw_name(chance),
        supersedes=_name(seen, Stance.GRANTED),
        stance=Stance.GRANTED,
        scopes=_some(chance, SCOPES, 0.8),
        until=NOW + chance.choice((-1, 0, 1, 50, 50)),
        categories=_some(chance, CATEGORIES, 0.8),
        purposes=_some(chance, PURPOSES, 0.8),
        circumstances=None if chance.random() < 0.7 else _some(chance, CIRCUMSTANCES, 0.6),
        opens=NOW - chance.choice((-1, 0, 50, 50)),
    )


def draw_stop(
    chance: Random, seen: Iterable[Permission], stance: Stance | None = None
) -> ReleaseVersion:
    """Make a pause or a revocation by somebody who saw these."""
    stance = stance or chance.choice((Stance.PAUSED, Stance.ENDED))
    return ReleaseVersion(name=_draw_name(chance), supersedes=_name(seen, stance), stance=stance)


def draw_window(chance: Random, seen: Iterable[Permission]) -> WindowVersion:
    """Make a window by somebody who saw these; it names windows alone."""
    windows = [held for held in seen if isinstance(held, WindowVersion)]
    return WindowVersion(
        name=_draw_name(chance),
        supersedes=_name(windows, Stance.GRANTED),
        stance=Stance.GRANTED,
        until=NOW + chance.choice((0, 20)),
        added=_some(chance, CATEGORIES, 0.5),
        circumstance=chance.choice((None, None, *CIRCUMSTANCES)),
        opens=NOW - chance.choice((-1, 0, 20)),
    )


def draw_matrix(chance: Random) -> Matrix:
    """Make an agreement that all have signed."""
    return Matrix(
        agreement_id=chance.randbytes(16),
        cells=tuple(_draw_cell(chance) for _ in range(chance.randint(1, 3))),
        effective=NOW - chance.choice((-1, 0, 50)),
        expires=NOW + chance.choice((0, 1, 60, 60)),
    )


def take_out(chance: Random, held: Collection[_Held]) -> frozenset[_Held]:
    """Take one thing out."""
    listed = sorted(held, key=str)
    return frozenset(listed) - {chance.choice(listed)} if listed else frozenset()


def _draw_cell(chance: Random) -> Cell:
    return Cell(
        categories=_some(chance, CATEGORIES, 0.8),
        recipients=_some(chance, (THEY, OTHERS), 0.9),
        roles=frozenset() if chance.random() < 0.7 else _some(chance, ROLES, 0.7),
        purposes=_some(chance, PURPOSES, 0.9),
        retention_days=chance.randint(1, 90),
        identifying=chance.random() < 0.6,
    )


def _draw_question(chance: Random) -> Question:
    return Question(
        recipient=THEY,
        kind=chance.choice(KINDS),
        now=NOW,
        categories=_some(chance, CATEGORIES, 0.4),
        purpose=chance.choice(PURPOSES),
        scope=chance.choice((None, None, *SCOPES)),
        circumstance=chance.choice((None, *CIRCUMSTANCES)),
        identifying=chance.random() < 0.3,
        basis=chance.choice(BASES),
        basis_reference=chance.choice((None, " ", "Order 12-3")),
        compartment=chance.choice((None, None, "investigation", "advocate_confidential")),
        roles_there=tuple(_some(chance, ROLES, 0.5) for _ in range(chance.randint(0, 2))),
        to_source=chance.random() < 0.3,
        automatic=chance.random() < 0.2,
    )


def _draw_ground(chance: Random) -> Ground:
    return Ground(
        stance=chance.choice((Stance.GRANTED,) * 6 + (Stance.PAUSED, Stance.ENDED)),
        identified=chance.random() < 0.4,
        told=chance.random() < 0.7,
        agreements=tuple(draw_matrix(chance) for _ in range(chance.choice((0, 0, 1, 2)))),
    )


def _some(chance: Random, of: Collection[_Held], share: float) -> frozenset[_Held]:
    return frozenset(held for held in of if chance.random() < share)


def _draw_name(chance: Random) -> bytes:
    return hashlib.sha256(chance.randbytes(16)).digest()


def _name(seen: Iterable[Permission], stance: Stance) -> frozenset[bytes]:
    return frozenset(name_seen(learn(Versions(), *seen), stance))
