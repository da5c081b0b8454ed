"""A survivor's release: many versions merged to what all of them grant, and whether that covers.

Theory of operation. Grants, amendments and resumptions say all of a release anew; pauses and
revocations stop it; windows add categories for a short time. All are versions of one absolute
object: the set of known ones decides, and no order, clock or repetition. What a known version
names is gone, so an old grant that is shown again changes nothing.

Rules: terms merge by intersection, ends by the earliest. A release covers one recipient; whoever
gathers it sees to that. A window counts only inside its release: it begins no earlier, so that what
is granted anew after a revocation brings no old window with it.

Spec: docs/spec/policy.md, "Releases".
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from quietway.policy.absolute import Permission, Stance

if TYPE_CHECKING:
    from collections.abc import Iterable

    from quietway.policy.question import Question
    from quietway_schemas.instants import Instant


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseVersion(Permission):
    """A grant, amendment, resumption (`GRANTED`), pause (`PAUSED`) or revocation (`ENDED`).

    What stops has no terms.

    Attributes:
        categories: Codes of `data_category`.
        purposes: Codes of `purpose_of_use`.
        circumstances: Codes of `circumstance`; None for any.
        opens: From when it counts.
    """

    categories: frozenset[str] = frozenset()
    purposes: frozenset[str] = frozenset()
    circumstances: frozenset[str] | None = None
    opens: Instant = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowVersion(Permission):
    """Some categories more, from `opens` until `until`.

    Attributes:
        added: Codes of `data_category`.
        circumstance: The one in which it counts; None for any.
        opens: From when it counts.
    """

    added: frozenset[str]
    circumstance: str | None = None
    opens: Instant


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """What counts of one release, as far as its versions are known here.

    Attributes:
        consent_id: 16 bytes.
        stance: The most protective of its current versions.
        scopes: Codes of `consent_scope` that all of them grant.
        categories: Codes of `data_category` that all of them grant.
        purposes: Codes of `purpose_of_use` that all of them grant.
        circumstances: Codes of `circumstance` in which all of them grant; None for any.
        opens: The latest beginning.
        until: The earliest end; None where no version with one is current.
        windows: What is added for a time.
    """

    consent_id: bytes
    stance: Stance
    scopes: frozenset[str] = frozenset()
    categories: frozenset[str] = frozenset()
    purposes: frozenset[str] = frozenset()
    circumstances: frozenset[str] | None = frozenset()
    opens: Instant = 0
    until: Instant | None = None
    windows: tuple[WindowVersion, ...] = field(default=())

    def is_over(self, now: Instant) -> bool:
        """Say whether its time has passed."""
        return self.until is not None and self.until <= now

    def is_live(self, now: Instant) -> bool:
        """Say whether it counts now, for anything."""
        return self.stance is Stance.GRANTED and self.opens <= now and not self.is_over(now)

    def covers(self, question: Question) -> bool:
        """Say whether it is live, and grants all that is asked."""
        return self.is_live(question.now) and not self.list_uncovered(question)

    def grants_all_of(self, other: Release) -> bool:
        """Say whether it grants whatever another state of it grants, and for as long."""
        if other.stance is not Stance.GRANTED:
            return True
        in_all = self.circumstances is None or (
            other.circumstances is not None and self.circumstances >= other.circumstances
        )
        windows = {held.name for held in self.windows}
        return (
            self.stance is Stance.GRANTED
            and in_all
            and self.scopes >= other.scopes
            and self.categories >= other.categories
            and self.purposes >= other.purposes
            and self.opens <= other.opens
            and (self.until or 0) >= (other.until or 0)
            and windows >= {held.name for held in other.windows}
        )

    def list_uncovered(self, question: Question) -> tuple[str, ...]:
        """Name the codes of a question that it does not grant, sorted, each once."""
        categories = self.categories.union(*(held.added for held in self._open_windows(question)))
        missing = {
            *(question.categories - categories),
            *({question.purpose} - self.purposes),
            *(() if question.scope is None else {question.scope} - self.scopes),
        }
        if self.circumstances is not None and question.circumstance not in self.circumstances:
            missing.add(question.circumstance or "circumstance")
        return tuple(sorted(missing))

    def find_end(self, question: Question) -> Instant | None:
        """Say until when the answer to a covered question can stand."""
        needed = question.categories - self.categories
        ends = [held.until for held in self._open_windows(question) if held.added & needed]
        return min((end for end in (self.until, *ends) if end is not None), default=None)

    def _open_windows(self, question: Question) -> tuple[WindowVersion, ...]:
        return tuple(
            held
            for held in self.windows
            if self.opens <= held.opens <= question.now
            and held.until is not None
            and question.now < held.until
            and held.circumstance in {None, question.circumstance}
        )


def decide_release(consent_id: bytes, current: Iterable[Permission]) -> Release | None:
    """Say what counts among the current versions of one release.

    Args:
        consent_id: Which release, 16 bytes.
        current: `Versions.current` of `absolute.learn`, of that release alone.

    Returns:
        None where nothing is known but windows: what they would add to has not arrived.
    """
    held = tuple(current)
    said = [version for version in held if isinstance(version, ReleaseVersion)]
    if not said:
        return None
    stance = max(version.stance for version in said)
    if stance is not Stance.GRANTED:
        # It ends on its day all the same; a stop has no end of its own.
        ends = [version.until for version in said if version.until is not None]
        return Release(consent_id=consent_id, stance=stance, until=min(ends, default=None))
    limits = [version.circumstances for version in said if version.circumstances is not None]
    return Release(
        consent_id=consent_id,
        stance=stance,
        scopes=frozenset.intersection(*(version.scopes or frozenset() for version in said)),
        categories=frozenset.intersection(*(version.categories for version in said)),
        purposes=frozenset.intersection(*(version.purposes for version in said)),
        circumstances=frozenset.intersection(*limits) if limits else None,
        opens=max(version.opens for version in said),
        # One without an end does not count: nobody is asked to trust for ever.
        until=min(version.until or 0 for version in said),
        windows=tuple(version for version in held if isinstance(version, WindowVersion)),
    )
