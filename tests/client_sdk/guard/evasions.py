"""Ways to write something so that a reader understands it and a filter does not.

Each transform takes a sentence and the span of what a rule found in it, and gives the sentence in
disguise, or None where it would change nothing. What it does depends on the sentence alone.
"""

from __future__ import annotations

import random
import re
import unicodedata
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    Transform = Callable[[str, int, int], str]

ASCII_LETTERS: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
FULL_WIDTH: Final = {char: chr(char + 0xFEE0) for char in range(0x21, 0x7F)}
MATHEMATICAL: Final = {
    ord(char): chr(0x1D400 + place) for place, char in enumerate(ASCII_LETTERS)
} | {ord("0") + digit: chr(0x1D7CE + digit) for digit in range(10)}
CYRILLIC: Final = str.maketrans("AaBCcEeHIiJjKMOoPpSsTXxy", "АаВСсЕеНІіЈјКМОоРрЅѕТХху")
GREEK: Final = str.maketrans("ABEHIKMNOoTXYZvpu", "ΑΒΕΗΙΚΜΝΟοΤΧΥΖνρυ")
CIRCLED: Final = {ord("0"): "⓪"} | {ord("0") + digit: chr(0x245F + digit) for digit in range(1, 10)}
SUPERSCRIPT: Final = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")
ARABIC: Final = {ord("0") + digit: chr(0x660 + digit) for digit in range(10)}
KEYCAPS: Final = {ord("0") + digit: f"{digit}\ufe0f\u20e3" for digit in range(10)}
SQUARED: Final = {ord(char): chr(0x1F170 + ord(char.upper()) - 65) for char in ASCII_LETTERS}
LEET: Final = str.maketrans("oleasOLEAS", "0134501345")
DIGITS: Final = {
    "en": "zero one two three four five six seven eight nine".split(),  # noqa: SIM905
    "es": "cero uno dos tres cuatro cinco seis siete ocho nueve".split(),  # noqa: SIM905
    "fr": "zero un deux trois quatre cinq six sept huit neuf".split(),  # noqa: SIM905
}
SURROUNDINGS: Final = (
    ("Она сказала: ", " Спасибо."),
    ("她说：", " 谢谢。"),
    ("قالت: ", " شكرا"),
    ("Ella dijo que sí, y después: ", " Nada más por ahora."),
    ("Elle a dit, hier soir: ", " Merci d'avance à tous."),
    ("Notes (draft): ", " -- end of note"),
)


def translate(table: dict[int, str]) -> Transform:
    """Make a transform that writes every character of the span in another form."""
    return lambda text, start, end: text[:start] + text[start:end].translate(table) + text[end:]


def between(mark: str) -> Transform:
    """Make a transform that puts something unseen between any two characters of the span."""
    return lambda text, start, end: text[:start] + mark.join(text[start:end]) + text[end:]


def around_spaces(space: str) -> Transform:
    """Make a transform that writes each space as another."""
    return lambda text, _start, _end: text.replace(" ", space)


def on_span(pattern: str, write: Callable[[re.Match[str]], str]) -> Transform:
    """Make a transform that writes anew whatever in the span matches a pattern."""
    found = re.compile(pattern)
    return lambda text, start, end: text[:start] + found.sub(write, text[start:end]) + text[end:]


def break_somewhere(text: str, start: int, end: int) -> str:
    """Put a line break at one place inside the span."""
    place = random.Random(text).randrange(start + 1, end) if end - start > 1 else start
    if text[place] == " ":
        return f"{text[:place]}\n{text[place + 1 :]}"
    return f"{text[:place]}\n{text[place:]}"


def letters_apart(text: str, start: int, end: int) -> str:
    """Put a space between all characters of the words of the span, and two between words."""
    start, end = text.rfind(" ", 0, start + 1) + 1, (text.find(" ", end) + 1 or len(text) + 1) - 1
    words = text[start:end].split()
    return f"{text[:start].rstrip()}  {'  '.join(' '.join(word) for word in words)}  {text[end:]}"


def leet(found: re.Match[str]) -> str:
    """Write digits for letters, as many as leave a word that can be read."""
    few = found[0].translate(str.maketrans("eoEO", "3030"))
    many = found[0].translate(LEET)
    return many if 2 * sum(map(str.isdigit, many)) <= len(many) else few


def spell(language: str) -> Transform:
    """Make a transform that writes each digit of short numbers as a word."""
    names = DIGITS[language]
    return on_span(
        r"(?<![\w.,:/+–—-])\d{2,5}(?![\w:/%+–—-]|[.,]\d)",
        lambda found: " ".join(names[int(digit)] for digit in found[0]),
    )


def wrap_in(before: str, after: str) -> Transform:
    """Make a transform that puts the sentence between words of another language."""
    return lambda text, _start, _end: f"{before}{text}{after}"


def accents(text: str, start: int, end: int) -> str:
    """Put an accent on each vowel of the span, as a character of its own."""
    return text[:start] + re.sub(r"([aeiouAEIOU])", "\\1\u0301", text[start:end]) + text[end:]


def without_accents(text: str, _start: int, _end: int) -> str:
    """Write the sentence without accents."""
    parts = unicodedata.normalize("NFD", text)
    return "".join(part for part in parts if unicodedata.category(part) != "Mn")


SHORT_NUMBER: Final = r"(?<![\w.,:/+–—-])\d{3,6}(?![\w%:/+–—-]|[.,]\d)"
LONG_WORD: Final = r"(?<![\w.@/+'-])[A-Za-z]{3,}(?![\w.@/+'-])"

TRANSFORMS: Final[dict[str, Transform]] = {
    "in capitals": lambda text, _start, _end: text.upper(),
    "in small letters": lambda text, _start, _end: text.lower(),
    "full width": translate(FULL_WIDTH),
    "mathematical letters": translate(MATHEMATICAL),
    "Cyrillic letters": translate(CYRILLIC),
    "Greek letters": translate(GREEK),
    "squared letters": translate(SQUARED),
    "circled digits": translate(CIRCLED),
    "superscript digits": translate(SUPERSCRIPT),
    "Arabic digits": translate(ARABIC),
    "keycaps": translate(KEYCAPS),
    "decomposed": lambda text, _start, _end: unicodedata.normalize("NFD", text),
    "without accents": without_accents,
    "with accents": accents,
    "zero width": between("\u200b"),
    "soft hyphens": between("\u00ad"),
    "variation selectors": between("\ufe0f"),
    "bidi marks": between("\u2066"),
    "tags": between("\U000e0061"),
    "no-break spaces": around_spaces("\u00a0"),
    "wide spaces": around_spaces(" \u3000\t "),
    "line breaks for spaces": around_spaces("\n"),
    "a line break somewhere": break_somewhere,
    "letters apart": letters_apart,
    "digits apart": on_span(SHORT_NUMBER, lambda found: " ".join(found[0])),
    "digits dotted": on_span(SHORT_NUMBER, lambda found: ".".join(found[0])),
    "words dashed": on_span(LONG_WORD, lambda found: "-".join(found[0])),
    "digits for letters": on_span(LONG_WORD, leet),
    "English digits": spell("en"),
    "Spanish digits": spell("es"),
    "French digits": spell("fr"),
    "other dashes": lambda text, _start, _end: text.replace("-", "\u2011"),
    "other quotes": lambda text, _start, _end: text.translate({39: "\u2019", 34: "\u201d"}),
    "no full stop": lambda text, _start, _end: text.rstrip(".!"),
    "in brackets": lambda text, start, end: f"{text[:start]}({text[start:end]}){text[end:]}",
    "in quotes": lambda text, start, end: f"{text[:start]}«{text[start:end]}»{text[end:]}",
    "dots in words": on_span(r"(?<=\w)\.(?=[a-z]{2})", lambda _: " dot "),
    "dots in brackets": on_span(r"(?<=\w)\.(?=[a-z]{2})", lambda _: "[.]"),
    "at in words": on_span(r"(?<=\w)@(?=\w)", lambda _: " [at] "),
}
TRANSFORMS.update(
    {f"after {before.strip()!r}": wrap_in(before, after) for before, after in SURROUNDINGS}
)
