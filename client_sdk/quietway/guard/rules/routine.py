"""Routines and itineraries: when somebody will be where, without a word that names a place.

A routine is a recurring or named day, a time of the clock, and a verb of going, coming or fetching
near each other; who waits at that time needs nothing more. An itinerary is a way: a line and its
stops, a departure with what follows it. What agencies do at their hours (a group meets, an office
closes) is neither, so a sentence about them alone passes.

The code `status_indicator/safety_plan_active` says what a partner has to know (A57).

Spec: docs/spec/guard.md, "Routines".
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from quietway.guard.nearby import compile_words
from quietway.guard.rule_file import read_rule_file

if TYPE_CHECKING:
    from collections.abc import Iterator

    from quietway.guard.finding import Hit
    from quietway.guard.view import View

_WORDS: Final = read_rule_file("routine").tables["words"]
_DAY: Final = compile_words(_WORDS["days"])
_ONCE: Final = compile_words(_WORDS["once"])
_MOVE: Final = compile_words(_WORDS["moves"])
_LEAVE: Final = compile_words(_WORDS["leaves"])
_ARRIVE: Final = compile_words(_WORDS["arrives"])
_RIDE: Final = compile_words(_WORDS["rides"])
_ALIGHT: Final = compile_words(_WORDS["alights"])
_AGENCY: Final = compile_words(_WORDS["agencies"])
_PERSON: Final = compile_words(_WORDS["persons"])
_CLOCK: Final = re.compile(
    r"[0-9](?<![0-9a-z:.,$-][0-9])[0-9]?(?:"
    r"(?:[:.h][0-5][0-9])?[ .]?(?:a\.?m\.?|p\.?m\.?|hrs?|h|o'?clock|heures?"
    r"|in the (?:morning|afternoon|evening)|de la (?:manana|tarde|noche)|du (?:matin|soir))"
    r"(?![a-z0-9])"
    r"|[:h][0-5][0-9](?![0-9:])"
    r"|\.[0-5][0-9](?= (?!per|percent|dollars|euros|an? |million)|[,;]|$))"
)
_HOUR: Final = re.compile(
    r"[0-9](?<= [0-9])[0-9]?(?:[:.h][0-5][0-9]| ?(?:y media|et demie|sharp|ish))?"
    r"(?= ?(?:[.,;!?)]|$|[a-z]{1,12}(?![a-z])))"
)
_AT: Final = re.compile(
    r"(?<![a-z])(?:at|by|around|about|before|after|until|till|from|half|a las?|a eso de las?"
    r"|como a las?|hacia las?|sobre las?|vers|a|des) $"
)
_LONGEST_AT: Final = 15
_NAMED_TIME: Final = re.compile(
    r"(?:noon|midnight|midday|mediodia|medianoche|midi|minuit|half past [a-z0-9]{1,8}"
    r"|quarter (?:past|to) [a-z0-9]{1,8}|after school|despues de la escuela|apres l'ecole)(?![a-z])"
)
_PART_OF_DAY: Final = re.compile(
    r"(?:every|each) (?:single )?(?:morning|afternoon|evening|night)"
    r"|(?:mon|tues|wednes|thurs|fri|satur|sun)day (?:morning|afternoon|evening|night)s"
    r"|(?:after|before) (?:work|school|class|practice|lunch|dinner|church|mass|dark|sunrise|sunset)"
    r"|(?:at|around) (?:dawn|dusk|lunchtime|bedtime|sunrise|sunset)|when school (?:lets|gets) out"
    r"|todas las (?:mananas|tardes|noches)|por las? (?:mananas?|tardes?|noches?)|cada (?:manana"
    r"|tarde|noche)"
    r"|a la (?:salida|entrada|hora) (?:de|del)|(?:chaque|tous les) (?:matin|soir|apres-midi)s?"
    r"|a la sortie de|apres (?:le travail|le cours|l'ecole)"
)
_FLIGHT: Final = re.compile(r"(?:flights?|vuelos?|vols?)(?![a-z])")
_SHORTEST_SENTENCE: Final = 30
"""A shorter one has no verb: `flight UA 1182 to the coast` is somebody's."""
_HOURS: Final = 24
_SENTENCE_END: Final = re.compile(r"[!?;]|\.(?= [^0-9]|$)(?<!\b[ap]\.m\.)(?<!\b[ap]\.)")
_LINE: Final = re.compile(
    r"[^.!?]{0,30}?(?:[0-9]|(?<![a-z])(?:from|desde|de|depuis|to|a|hasta|towards?|hacia|vers"
    r"|until) (?:[a-z]+ ){0,3}(?:to|a|hasta|until|then|jusqu)(?![a-z]))"
)
_FROM: Final = re.compile(
    r"(?:from|desde|depuis|de) (?:[a-z'-]+ ){1,4}(?:to|a|hasta|until|jusqu'a|towards|hacia"
    r"|vers) [a-z]"
)
_TRAVEL: Final = re.compile(
    rf"(?<![a-z])(?:{'|'.join(_WORDS['travels'])})(?![a-z])[^.!?]{{0,25}} $"
)
_LONGEST_TRAVEL: Final = 40
_JOURNEY: Final = compile_words(_WORDS["journeys"])
_LEAST_AFTER: Final = 30
_Span = tuple[int, int]
_WINDOW: Final = 120


def find(view: View) -> Iterator[Hit]:
    """Yield routines and itineraries."""
    read = 0
    for start, end in sorted(_find_times(view.text)):
        # What was read about one time is not read again for the next.
        if end + _LEAST_AFTER > read:
            least, read = _sentence(view.text, start, end)
            if _is_about_a_person(view.text, least, read):
                yield from _find_routine(view, (start, end), (least, read))
                yield from _find_departure(view, (start, end), (least, read))
    if any(stem in view.text for stem in _WORDS["stems"]):
        yield from _find_rides(view)
    for found in _FROM.finditer(view.text):
        travel = _TRAVEL.search(view.text, max(0, found.start() - _LONGEST_TRAVEL), found.start())
        if travel and _is_way(view, travel, found) and _is_hers(view, travel.start(), found.end()):
            yield view.hit("routine.itinerary", travel.start(), found.end())


def _find_times(text: str) -> Iterator[_Span]:
    for found in _CLOCK.finditer(text):
        if _read_hour(found) <= _HOURS:
            yield found.span()
    for found in _HOUR.finditer(text):
        said = _AT.search(text, max(0, found.start() - _LONGEST_AT), found.start())
        if said and _read_hour(found) <= _HOURS:
            yield said.start(), found.end()
    for found in _NAMED_TIME.finditer(text):
        yield found.span()
    for found in _PART_OF_DAY.finditer(text):
        yield found.span()


def _read_hour(found: re.Match[str]) -> int:
    written = found.group()[:2]
    return int(written if written.isdigit() else written[0])


def _sentence(text: str, start: int, end: int) -> tuple[int, int]:
    """Give the sentence around a span, as far as a window reaches."""
    least, most = max(0, start - _WINDOW), min(len(text), end + _WINDOW)
    for stop in _SENTENCE_END.finditer(text, least, start):
        least = stop.end()
    stop_after = _SENTENCE_END.search(text, end, most)
    return least, stop_after.start() if stop_after else most


def _is_about_a_person(text: str, least: int, most: int) -> bool:
    return _PERSON.search(text, least, most) is not None or not _AGENCY.search(text, least, most)


def _find_routine(view: View, time: _Span, sentence: _Span) -> Iterator[Hit]:
    day = _DAY.search(view.text, *sentence)
    move = _MOVE.search(view.text, *sentence) if day else None
    if day and move and day.start() >= move.start() and day.end() <= move.end():
        move = move if _PERSON.search(view.text, *sentence) else None
    if day and move and (not _ONCE.fullmatch(day.group()) or _PERSON.search(view.text, *sentence)):
        start = min(day.start(), move.start(), time[0])
        yield view.hit("routine.weekly", start, max(day.end(), move.end(), time[1]))


def _find_departure(view: View, time: _Span, sentence: _Span) -> Iterator[Hit]:
    leave = _LEAVE.search(view.text, *sentence)
    arrive = _ARRIVE.search(view.text, leave.end(), sentence[1]) if leave else None
    if leave and arrive:
        start = min(leave.start(), time[0])
        yield view.hit("routine.itinerary", start, max(arrive.end(), time[1]))


def _find_rides(view: View) -> Iterator[Hit]:
    for ride in _RIDE.finditer(view.text):
        line = _LINE.match(view.text, ride.end())
        is_told = line or any(char.isdigit() for char in ride.group())
        if is_told and _is_hers(view, ride.start(), ride.end()):
            yield view.hit("routine.itinerary", ride.start(), line.end() if line else ride.end())
    for found in _ALIGHT.finditer(view.text):
        yield view.hit("routine.itinerary", *found.span())


def _is_hers(view: View, start: int, end: int) -> bool:
    """Whether a ride is somebody's: news of a flight speak of nobody."""
    if not _FLIGHT.match(view.text, start):
        return True
    least, most = _sentence(view.text, start, end)
    is_note = most - least < _SHORTEST_SENTENCE
    return is_note or _PERSON.search(view.text, least, most) is not None


def _is_way(view: View, travel: re.Match[str], found: re.Match[str]) -> bool:
    # "moving from planning to practice" is no way; "driving from the farm to the coast" is.
    written = view.cased[found.start() + 1 : found.end()]
    return any(char.isupper() for char in written) or _JOURNEY.match(travel.group()) is not None
