"""Reads an address whose type stands before its name: `Calle Mayor 12`, `12 rue de la Paix`.

Spanish and French first; Portuguese, Italian and names borrowed into English come along. German
puts the type at the end of the name, and the number behind both.

Spec: docs/spec/guard.md, "Places".
"""

import re
from collections.abc import Iterator
from typing import Final

from quietway.guard.expressions import Gated
from quietway.guard.places import around
from quietway.guard.places.numbers import Number
from quietway.guard.places.tokens import Token, read_tokens
from quietway.guard.places.vocabulary import (
    COUNTED,
    DATES,
    FIRST,
    MONTHS,
    PARTICLES,
    SECTIONS,
    STOPS,
    SURE_FIRST,
    alternatives,
)

_TYPE: Final = re.compile(rf"(?<![\w.'-])(?:{alternatives(FIRST)})(?![\w'-])\.?")
_BEHIND_NUMBER: Final = re.compile(
    r"(?<![\w$€£%.,/-])(?P<number>[0-9]{1,5}(?:-\d{1,4})?(?: ?[a-d])?)"
    r"(?:,? ?(?:bis|ter|quater))?,? (?:(?:[nsew]|de)\.? )?"
    rf"(?:el |la |le |l')?(?P<type>{alternatives(FIRST)}|r\.)(?![\w'-])\.?"
)
_HOUSE: Final = re.compile(
    r"(?:,? ?(?:n|no|nro|num|number|numero|nr)[.°]{0,2} ?|,? ?# ?|,? ?n ?° ?|,? casa |, ?| )"
    r"(?P<number>\d{1,5}(?:-\d{1,4}(?![\w%]))?(?: ?[a-f](?![\w']))?)(?![\w%°]|[.,:]\d)"
)
_GRID: Final = Gated(
    r"(?<!\w)(?:calle|cl|carrera|cra?|kra?|av|avenida|diagonal|diag|dg|transversal|transv|tr|tv"
    r"|circular)\.? "
    r"\d{1,3} ?[a-z]?(?: bis)?(?: [a-z])?(?: (?:sur|norte|este|oeste))? ?(?:#|no\.?|n ?°|num\.?) ?"
    r"\d{1,3} ?[a-z]?(?: bis)? ?- ?\d{1,4}",
    ("calle", "cl", "cr", "carrera", "kr", "av", "diag", "dg", "trans", "tr", "tv", "circular"),
)
_LED_NAME: Final = Gated(
    r"(?<!\w)(?:vive[n]? en|estan? en|quedan? en|recog\w{2,4} (?:\w+ ){0,4}en|direccion (?:es"
    r"|nueva es)?:?|domicilio (?:es|en)?:?|wohnt (?:in|an"
    r"|am|im)(?: der| dem)?"
    r"|adresse (?:ist|est)?:?|abita in|mora n[oa]|woont (?:op|aan|in)(?: de| het)?|indirizzo e"
    r"|endereco e) "
    r"(?P<name>[^\W\d_][\w'.-]{2,30}(?: [^\W\d_][\w'.-]{1,20}){0,4}),? "
    r"(?:n\.? ?°? ?|# ?)?\d{1,5} ?[a-d]?\b(?![%:]|[.,]\d)",
    (
        "vive",
        "esta",
        "queda",
        "recog",
        "direccion",
        "domicilio",
        "wohnt",
        "adresse",
        "abita",
        "mora",
        "woont",
        "indirizzo",
        "endereco",
    ),
)
_SECOND: Final = re.compile(
    r"(?: (?:sur|norte|este|oeste|bis|[a-h]))?,? ?(?:#|no\.?|nro\.?|n°|con"
    r"|entre) ?\d{1,3} ?[a-z]?(?: ?- ?\d{1,3})?"
    r"|(?: (?:sur|norte|este|oeste|bis|[a-h]))?,? \d{1,3}[a-z]? ?- ?\d{1,3}"
    r"| (?:sur|norte|este|oeste|poniente|oriente) \d{1,5}"
    rf"| de (?:{alternatives(MONTHS)}),? (?:no\.? ?|# ?|n° ?)?\d{{1,5}}(?!\d)(?! (?:a las"
    rf"|personas))"
)
_GERMAN_ENDS: Final = (
    "strasse", "straße", "str", "gasse", "platz", "allee", "damm", "ufer", "straat", "gracht",
)  # fmt: skip
_NO_NAMES: Final = frozenset(
    ["fase", "nivel", "etapa", "sala", "grado", "paso", "semana", "dia", "mes", "lista", "apartado",
     "zoom", "unidad", "nov", "dic", "ene", "teams", "anexo", "tabla", "grupo", "version", "covid"]
)  # fmt: skip
_SHORTEST_GERMAN: Final = 5
_GRAN_VIA: Final = Gated(
    r"\bgran via(?: de [^\W\d_]{2,12}){0,2},? (?:n\.?o? ?)?\d{1,4}\b",
    ("gran via",),
)
_NO_NUMBER: Final = re.compile(r"[^.;!?]{2,40}?,? s/n\b")
_DOOR: Final = re.compile(
    r",? ?(?:\d{1,2}[oa°.]{0,2}|bajo|atico|entlo\.?),? ?(?:[a-h]|izq|dcha|izda|izquierda|derecha"
    r"|centro)\b\.?"
    r"|,? ?(?:piso|puerta|pta\.?|portal|esc\.?) \w{1,4}\b"
)
_MOST_NAMES: Final = 6
_SIDES: Final = frozenset(
    ["sur", "norte", "este", "oeste", "sud", "nord", "est", "ouest", "oriente", "poniente"]
)


def find_type_first(
    text: str, cased: str, numbers: tuple[Number, ...]
) -> Iterator[tuple[int, int]]:
    """Find addresses whose type comes before the name, as spans of the view."""
    for found in _BEHIND_NUMBER.finditer(text):
        end = _read_after_number(text, cased, found)
        if end:
            yield found.start(), around.read_unit(text, end)
    for found in _TYPE.finditer(text):
        end = _read_before_number(text, cased, found)
        if end:
            door = _DOOR.match(text, end)
            yield found.start(), around.read_unit(text, door.end() if door else end)
    for pattern in (_GRAN_VIA, _GRID):
        for found in pattern.finditer(text):
            yield found.span()
    for found in _LED_NAME.finditer(text):
        if _is_led_name(text, cased, found):
            yield found.span()
    yield from _find_german(text, numbers)


def _is_led_name(text: str, cased: str, found: re.Match[str]) -> bool:
    """`vive en Arturo Prat 19`: a name and a number, right behind words that announce them."""
    words = found["name"].split()
    if not cased[found.start("name")].isupper() or words[0] in STOPS or set(words) & DATES:
        return False
    if words[-1] in SECTIONS | _NO_NAMES:
        return False
    following = next(read_tokens(text, text, found.end()), None)
    return following is None or following.word not in COUNTED


def _find_german(text: str, numbers: tuple[Number, ...]) -> Iterator[tuple[int, int]]:
    for number in numbers:
        if number.before.endswith(_GERMAN_ENDS) and len(number.before) > _SHORTEST_GERMAN:
            start = text.rindex(number.before, 0, number.start)
            yield start, number.end


def _read_after_number(text: str, cased: str, found: re.Match[str]) -> int:
    """`12 bis, rue de la Paix`: give where it ends; 0 where it is none."""
    kind = found["type"]
    names = _read_names(text, cased, found.end())
    if not names:
        return 0
    led = around.is_led(text, found.start()) or around.has_preposition(text, found.start())
    followed = around.is_followed_by_place(text, cased, names[-1].end)
    if names[0].is_capital or followed:
        return names[-1].end
    large = len(found["number"]) > 2  # noqa: PLR2004
    if kind in SURE_FIRST or led or large:
        return _end_of_lower(text, names, led=led)
    return 0


def _end_of_lower(text: str, names: list[Token], *, led: bool) -> int:
    """Where nothing is written large, a word or two are the name, and the address ends after it."""
    last = names[min(len(names), 3) - 1]
    return last.end if led or around.is_ended(text, names[-1].end) else 0


def _read_before_number(text: str, cased: str, found: re.Match[str]) -> int:
    """`Calle Mayor 12`, `Carrera 7 # 12-34`: give where it ends; 0 where it is none."""
    kind = found[0].rstrip(".")
    names = _read_names(text, cased, found.end())
    end = names[-1].end if names else found.end()
    house = _HOUSE.match(text, end)
    if house is None:
        unnumbered = _NO_NUMBER.match(text, found.end()) if names else None
        return unnumbered.end() if unnumbered else 0
    if not names:
        return _end_of_grid(text, found, house)
    sure = kind in SURE_FIRST or names[0].is_capital
    if not sure and not (
        around.is_led(text, found.start()) or around.has_preposition(text, found.start())
    ):
        return 0
    return _house_end(text, names, house)


def _end_of_grid(text: str, found: re.Match[str], house: re.Match[str]) -> int:
    """A number right behind the type: `Calle 8 entre 21 y 23`, `la Gran Avenida 5018`."""
    second = _SECOND.match(text, house.end())
    if second:
        return second.end()
    grand = text.endswith("gran ", 0, found.start())
    return house.end() if grand else 0


def _house_end(text: str, names: list[Token], house: re.Match[str]) -> int:
    is_year = house["number"].isdigit() and 1900 <= int(house["number"]) < 2100  # noqa: PLR2004
    if is_year and not names[0].is_capital:
        return 0
    following = next(read_tokens(text, text, house.end()), None)
    if following is not None and (following.word in COUNTED or following.word == "%"):
        return 0
    signed = house[0].strip(", ")[:1] in {"n", "#"} and not house[0].strip(", ")[:1].isdigit()
    ended = around.is_ended(text, house.end()) or _DOOR.match(text, house.end()) is not None
    if ended or signed or names[0].is_capital:
        return house.end()
    is_postcode = len(house["number"]) == 5  # noqa: PLR2004
    return house.end() if is_postcode or around.is_followed_by_place(text, text, house.end()) else 0


def _read_names(text: str, cased: str, start: int) -> list[Token]:
    """Read the name that follows a type: particles, then words that may be a name."""
    names: list[Token] = []
    for token in read_tokens(text, cased, start):
        if token.word in PARTICLES and not (token.is_upper and len(token.word) == 1):
            continue
        if token.word == "." and names and len(names[-1].word) == 1:
            continue
        if not token.word[0].isalpha() or _ends_name(token, names):
            break
        names.append(token)
        if len(names) == _MOST_NAMES:
            break
    return names


def _ends_name(token: Token, names: list[Token]) -> bool:
    if token.word in _SIDES and (names or token.is_capital):
        return False
    if token.word in STOPS or token.word in {"no", "nro", "num", "numero", "n", "nr"}:
        return True
    if names and names[0].is_capital and not token.is_capital:
        return True
    return not names and token.word in COUNTED | DATES and not token.is_capital
