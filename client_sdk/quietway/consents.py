"""What is known of consent about one case with one partner, in both directions: one row each.

`given` is what this agency discloses to the partner, `got` what the partner discloses to it. Each
direction is a set of versions as they travelled, and comes to the same in whatever order they came:
`learn` and `merge` are idempotent, commutative and associative.

Rules: only the discloser grants, and only the discloser's versions let go of others; a stop counts
from either side. A row holds codes, ids and times, so that a revocation outlives its messages.

Spec: docs/spec/consent.md, "What counts".
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final, TypeAlias

from quietway.engine.codec import Fields, write_row
from quietway.policy.absolute import Permission, Stance, Versions
from quietway.policy.absolute import learn as learn_versions
from quietway.policy.releases import ReleaseVersion, WindowVersion, decide_release
from quietway.ports import Put
from quietway_crypto.encoding import TAG_VERSION_HASH, decode_base64, encode_base64, hash_tagged
from quietway_schemas.content.consent import (
    ConsentLift,
    ConsentPause,
    ConsentPreferences,
    ConsentRevoke,
    ConsentWindow,
    Release,
    Withdrawal,
)
from quietway_schemas.content.registry import parse_content
from quietway_schemas.envelope import EnvelopeClass

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from quietway.policy import releases
    from quietway.ports import Store
    from quietway_schemas.content.base import ContentModel
    from quietway_schemas.ids import AgencyId, CaseRef

CONSENT: Final = "consent"
NAMES_PERSON: Final = frozenset({"contact", "identity"})
"""Whoever is granted one of these can put a name to the case."""
_BY_US: Final = b"\x01"
_BY_THEM: Final = b"\x00"

ConsentContent: TypeAlias = Release | Withdrawal | ConsentLift | ConsentWindow | ConsentPreferences


@dataclass(frozen=True, slots=True)
class Said:
    """A version, with who said it.

    Attributes:
        content: As it travelled, under the alias of the two agencies.
        by_us: Whether a device of this agency did.
        supersedes: The names that it lets go of; none, where its author is not who discloses.
    """

    content: ConsentContent
    by_us: bool
    supersedes: frozenset[bytes] = frozenset()

    @property
    def name(self) -> bytes:
        """H(tag, canonical content)."""
        return name_version(self.content)

    @property
    def consent_id(self) -> bytes | None:
        """Which release it is about; None for all of the case, and for preferences."""
        # Preferences name the release that lets them be told; they are no version of it.
        of_none = isinstance(self.content, ConsentPreferences | ConsentLift)
        return None if of_none else self.content.consent_id

    @property
    def stance(self) -> Stance:
        """How far it goes."""
        match self.content:
            case ConsentRevoke():
                return Stance.ENDED
            case ConsentPause():
                return Stance.PAUSED
            case _:
                return Stance.GRANTED

    def to_permission(self) -> Permission:
        """Give it as the merge of a release takes it."""
        match self.content:
            case Release() as said:
                return ReleaseVersion(
                    name=self.name,
                    supersedes=self.supersedes,
                    stance=Stance.GRANTED,
                    scopes=frozenset(said.scopes),
                    categories=frozenset(said.data_categories),
                    purposes=frozenset(said.purposes),
                    circumstances=frozenset(said.circumstances) or None,
                    opens=said.not_before,
                    until=said.expires,
                )
            case ConsentWindow() as window:
                return WindowVersion(
                    name=self.name,
                    supersedes=self.supersedes,
                    stance=Stance.GRANTED,
                    added=frozenset(window.added_categories),
                    circumstance=window.circumstance,
                    opens=window.opens,
                    until=window.closes,
                )
            case _:
                return ReleaseVersion(
                    name=self.name, supersedes=self.supersedes, stance=self.stance
                )


@dataclass(frozen=True, slots=True)
class Side:
    """One direction.

    Attributes:
        decisions: Releases and stops.
        asides: Windows and preferences, which undo no decision.
        granted: The consent ids of which a grant of the discloser was ever known.
        identified: Whether the recipient was ever told, or allowed to be told, who it is.
    """

    decisions: Versions[Said] = field(default_factory=Versions)
    asides: Versions[Said] = field(default_factory=Versions)
    granted: frozenset[bytes] = frozenset()
    identified: bool = False

    @property
    def stops(self) -> tuple[Said, ...]:
        """The current stops of all of the case."""
        return tuple(
            held
            for held in self.decisions.current.values()
            if held.stance is not Stance.GRANTED and held.consent_id is None
        )

    @property
    def stance(self) -> Stance:
        """What was decided about all of the case."""
        return max((held.stance for held in self.stops), default=Stance.GRANTED)

    @property
    def releases(self) -> tuple[releases.Release, ...]:
        """What each release comes to."""
        current = (*self.decisions.current.values(), *self.asides.current.values())
        found = (
            decide_release(
                consent_id,
                (held.to_permission() for held in current if held.consent_id == consent_id),
            )
            for consent_id in sorted(self.granted)
        )
        return tuple(held for held in found if held is not None)

    @property
    def preferences(self) -> tuple[ConsentPreferences, ...]:
        """The current versions of how the survivor may be reached."""
        current = (held.content for held in self.asides.current.values())
        return tuple(held for held in current if isinstance(held, ConsentPreferences))


@dataclass(frozen=True, slots=True)
class Consents:
    """Both directions of one case with one partner.

    Attributes:
        given: What this agency discloses.
        got: What the partner discloses.
    """

    given: Side = field(default_factory=Side)
    got: Side = field(default_factory=Side)

    @property
    def held_back(self) -> bool:
        """Whether what the partner said of the case is to be neither shown nor passed on.

        It is where the partner stopped all of it, or where each of its releases is stopped.
        """
        if any(not held.by_us for held in self.got.stops):
            return True
        known = self.got.releases
        return bool(known) and all(held.stance is not Stance.GRANTED for held in known)


def name_version(content: ContentModel) -> bytes:
    """Name a version: 32 bytes."""
    return hash_tagged(TAG_VERSION_HASH, content.to_canonical())


def learn(known: Consents, content: ConsentContent, *, by_us: bool) -> Consents:
    """Take a version in, in whatever order, however often.

    Args:
        known: What is known.
        content: As it travelled.
        by_us: Whether a device of this agency said it.
    """
    given = _learn(known.given, content, by_us=by_us, by_discloser=by_us)
    got = _learn(known.got, content, by_us=by_us, by_discloser=not by_us)
    return Consents(given, got)


def merge(one: Consents, other: Consents) -> Consents:
    """Put together what two devices know."""
    return Consents(_merge(one.given, other.given), _merge(one.got, other.got))


def mark_identified(known: Consents) -> Consents:
    """Note that the partner was told who it is."""
    return replace(known, given=replace(known.given, identified=True))


def forget_preferences(known: Consents, nonces: Collection[bytes] | None) -> Consents:
    """Let go of how the survivor may be reached, as the partner said it.

    They are named, so that they come back neither from there nor from a colleague.

    Args:
        known: What is known.
        nonces: Of which versions; None for all.
    """
    names = frozenset(
        name
        for name, held in known.got.asides.current.items()
        if isinstance(held.content, ConsentPreferences)
        and (nonces is None or held.content.nonce in nonces)
    )
    return replace(known, got=replace(known.got, asides=_drop(known.got.asides, names)))


def write_consents(case: CaseRef, agency: AgencyId, known: Consents) -> Put:
    """Write a row for the store."""
    fields = {**_write("given", known.given), **_write("got", known.got)}
    return Put(CONSENT, case.value + agency.value, write_row(**fields))


def read_consents(raw: bytes | None) -> Consents:
    """Read a row back; nothing is known where there is none.

    Raises:
        SchemaError, CryptoError: The row is not what this room writes.
    """
    if raw is None:
        return Consents()
    held = Fields(raw)
    return Consents(_read(held, "given"), _read(held, "got"))


async def find_consents(store: Store, case: CaseRef, agency: AgencyId) -> Consents:
    """Read what is known of a case with a partner."""
    return read_consents(await store.read(CONSENT, case.value + agency.value))


def split(raw: bytes, *, most: int) -> Iterator[Consents]:
    """Split a row into parts that take so many bytes at most, and that merge to the same."""
    known = read_consents(raw)
    if len(raw) <= most:
        yield known
        return
    for name in ("given", "got"):
        side: Side = getattr(known, name)
        whole = Side(granted=side.granted, identified=side.identified)
        yield Consents(**{name: whole})
        for kind in ("decisions", "asides"):
            versions: Versions[Said] = getattr(side, kind)
            for key, held in versions.current.items():
                yield Consents(**{name: Side(**{kind: Versions({key: held})})})  # type: ignore[arg-type] # one of the two
            named = sorted(versions.named)
            for start in range(0, len(named), _NAMES_EACH):
                part = frozenset(named[start : start + _NAMES_EACH])
                yield Consents(**{name: Side(**{kind: Versions({}, part)})})  # type: ignore[arg-type] # the same


_NAMES_EACH: Final = 50


def _learn(side: Side, content: ConsentContent, *, by_us: bool, by_discloser: bool) -> Side:
    names = frozenset(content.supersedes) if by_discloser else frozenset()
    version = Said(content, by_us, names)
    match content:
        case Withdrawal():
            decisions, asides = learn_versions(side.decisions, version), _drop(side.asides, names)
            return replace(side, decisions=decisions, asides=asides)
        case _ if not by_discloser:
            return side
        case ConsentLift():
            return replace(side, decisions=learn_versions(side.decisions, version))
        case Release():
            names_person = not NAMES_PERSON.isdisjoint(content.data_categories)
            return Side(
                learn_versions(side.decisions, version),
                _drop(side.asides, names),
                side.granted | {content.consent_id},
                side.identified or names_person,
            )
        case _:
            return replace(side, asides=learn_versions(side.asides, version))


def _drop(versions: Versions[Said], names: frozenset[bytes]) -> Versions[Said]:
    return _join(versions, Versions({}, names))


def _join(one: Versions[Said], other: Versions[Said]) -> Versions[Said]:
    named = one.named | other.named
    current = {**one.current, **other.current}
    return Versions({name: current[name] for name in sorted(current) if name not in named}, named)


def _merge(one: Side, other: Side) -> Side:
    return Side(
        _join(one.decisions, other.decisions),
        _join(one.asides, other.asides),
        one.granted | other.granted,
        one.identified or other.identified,
    )


def _write(prefix: str, side: Side) -> dict[str, object]:
    fields: dict[str, object] = {
        f"{prefix}_granted": [encode_base64(held) for held in sorted(side.granted)],
        f"{prefix}_identified": side.identified,
    }
    for kind, versions in (("decisions", side.decisions), ("asides", side.asides)):
        fields[f"{prefix}_{kind}"] = [_write_said(held) for held in versions.current.values()]
        fields[f"{prefix}_{kind}_named"] = [encode_base64(held) for held in sorted(versions.named)]
    return {name: held for name, held in fields.items() if held}


def _read(held: Fields, prefix: str) -> Side:
    by_discloser = _BY_US if prefix == "given" else _BY_THEM

    def versions(kind: str) -> Versions[Said]:
        named = frozenset(decode_base64(text) for text in held.texts(f"{prefix}_{kind}_named"))
        said = [_read_said(text, by_discloser) for text in held.texts(f"{prefix}_{kind}")]
        return learn_versions(Versions({}, named), *said)

    return Side(
        versions("decisions"),
        versions("asides"),
        frozenset(decode_base64(text) for text in held.texts(f"{prefix}_granted")),
        held.truth(f"{prefix}_identified"),
    )


def _write_said(held: Said) -> str:
    return encode_base64((_BY_US if held.by_us else _BY_THEM) + held.content.to_canonical())


def _read_said(text: str, by_discloser: bytes) -> Said:
    raw = decode_base64(text)
    content = parse_content(raw[1:], EnvelopeClass.CASE)
    assert isinstance(content, ConsentContent)  # noqa: S101 - the table of takers says so
    names = frozenset(content.supersedes) if raw[:1] == by_discloser else frozenset()
    return Said(content, raw[:1] == _BY_US, names)
