r"""Answers compared without algebra: exact numbers, and the types int, str and seq.

`str` and `seq` compare letter by letter: order, case, leading zeros and repetition all count.
Everything runs in the calling process in time linear in the text.
"""

import re
from fractions import Fraction

from .latex import split_top, strip_outer, tidy

__all__ = ["Number", "int_value", "number", "numbers_equal", "seq_items", "str_value"]

MAX_DIGITS = 1000
# A decimal stands for an irrational or periodic value only from this many significant digits on.
ROUNDED_DIGITS = 6

Number = tuple[Fraction, int | None]
_INTEGER = r"(?:\d{1,3}(?:,\d{3})+|\d+)"
_DECIMAL = rf"(?:{_INTEGER}(?:\.\d+)?|\.\d+)"
_NUMBER = re.compile(rf"([+-]?)\s*({_DECIMAL})\.?")
_FRACTION = re.compile(
    rf"([+-]?)\s*(?:\\frac\s*\{{\s*([+-]?)({_INTEGER})\s*\}}\s*\{{\s*([+-]?)({_INTEGER})\s*\}}"
    rf"|({_INTEGER})\s*/\s*({_INTEGER}))"
)
_MIXED = re.compile(
    rf"([+-]?)\s*({_INTEGER})\s*(?:\\frac\s*\{{({_INTEGER})\}}\s*\{{({_INTEGER})\}}"
    rf"|(?:\s|\\text\{{ and \}})\s*({_INTEGER})/({_INTEGER}))"
)
_SCIENTIFIC = re.compile(
    rf"([+-]?\s*{_DECIMAL})\s*(?:\\times|\\cdot|\*)\s*10\s*\^\s*(?:\{{\s*([+-]?\d+)\s*\}}|(\d))"
)
_TEXT = re.compile(r"\\text\{\s*([^{}]*?)\s*\}")


def _integer(digits: str) -> int:
    return int(digits.replace(",", ""))


def number(text: str) -> Number | None:
    r"""The exact value of a plain number in tidy LaTeX, and how many digits follow its point.

    Understands integers, thousands commas, decimals, `\frac{a}{b}`, `a/b`, mixed numbers and
    `a \times 10^n`. The second item is None where the number is no decimal.
    """
    if not text or len(text) > 2 * MAX_DIGITS or sum(c.isdigit() for c in text) > MAX_DIGITS:
        return None
    text = text.replace("{}", "")
    if plain := _NUMBER.fullmatch(text):
        digits = plain[2].replace(",", "")
        places = len(digits.partition(".")[2]) if "." in digits else None
        value = Fraction(digits)
        return (-value if plain[1] == "-" else value), places
    if part := _FRACTION.fullmatch(text):
        above, below = _integer(part[3] or part[6]), _integer(part[5] or part[7])
        if below == 0:
            return None
        minus = [part[1], part[2], part[4]].count("-") % 2
        return (Fraction(above, below) * (-1 if minus else 1)), None
    if mixed := _MIXED.fullmatch(text):
        above, below = _integer(mixed[3] or mixed[5]), _integer(mixed[4] or mixed[6])
        if below == 0 or above >= below:
            return None
        value = _integer(mixed[2]) + Fraction(above, below)
        return (-value if mixed[1] == "-" else value), None
    if power := _SCIENTIFIC.fullmatch(text):
        exponent = int(power[2] or power[3])
        front = number(power[1].replace(" ", ""))
        if front is None or abs(exponent) > MAX_DIGITS:
            return None
        return front[0] * Fraction(10) ** exponent, None
    return None


def numbers_equal(gold: Number, answer: Number) -> bool:
    """Equal exactly; or one is a decimal of 6 or more significant digits rounding the other.

    Two decimals, or a decimal and a fraction that has a finite decimal, compare exactly.
    """
    if gold[0] == answer[0]:
        return True
    for (value, places), (exact, other_places) in ((answer, gold), (gold, answer)):
        if places is None or other_places is not None or _terminates(exact):
            continue
        shown = len(str(abs(value.numerator * 10**places // value.denominator)))
        if shown >= ROUNDED_DIGITS and abs(value - exact) <= Fraction(1, 2 * 10**places):
            return True
    return False


def _terminates(value: Fraction) -> bool:
    below = value.denominator
    for prime in (2, 5):
        while below % prime == 0:
            below //= prime
    return below == 1


def _unwrap(text: str) -> str:
    """The words of an answer without `\\text{}`, dollars, quotes and stars around them."""
    text = tidy(text)
    for _ in range(3):
        before = text
        if whole := _TEXT.fullmatch(text):
            text = whole[1]
        if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'`":
            text = text[1:-1]
        if text.startswith("``") and text.endswith("''"):
            text = text[2:-2]
        if text.startswith(("\u201c", "\u2018")) and text.endswith(("\u201d", "\u2019")):
            text = text[1:-1]
        text = text.strip()
        if text == before:
            break
    return text.replace(r"\_", "_").replace(r"\{", "{").replace(r"\}", "}")


def str_value(text: str) -> str:
    """What a `str` answer says, letter by letter; only the wrapping and outer blanks are gone."""
    return _unwrap(text)


_LHS = re.compile(r"^[A-Za-z](?:_\{?\w+\}?)?(?:\([\w, ]*\))?\s*(?:=|\\equiv)\s*")
_SEPARATOR = re.compile(r",|;|\\\\|&|\s+")
_TRAILING_WORDS = re.compile(r"\s*\\text\{[^{}\d]*\}\s*$|\s+[A-Za-z]{2,}$")


def int_value(text: str) -> int | None:
    r"""The integer an `int` answer states, or None.

    `x = 42`, `1{,}234`, `+7`, `007`, `42.0` and a word after the number are read; `4.5`, `9\%` and
    `40_9` are no integers.
    """
    text = _LHS.sub("", _unwrap(text), count=1)
    text = _TRAILING_WORDS.sub("", text).strip()
    if inner := strip_outer(text):
        text = inner[1] if inner[0] in "({" and inner[2] in ")}" else text
    value = number(text.replace(r"\ ", ""))
    return None if value is None or value[0].denominator != 1 else value[0].numerator


def seq_items(text: str) -> tuple[str, ...]:
    r"""The items of a `seq` answer in order, each as written.

    Commas, semicolons, blanks and line breaks of arrays separate; one outer bracket is dropped.
    """
    text = _unwrap(text)
    if whole := re.fullmatch(r"\\begin\{([a-z]+\*?)\}(?:\{[lcr|]*\})?(.*)\\end\{\1\}", text, re.S):
        text = whole[2].strip()
    elif inner := strip_outer(text):
        text = inner[1]
    elif text[:1] in "([{" and text[-1:] in ")]}":
        text = text[1:-1].strip()
    if re.search(r",|;|\\\\|&", text):
        pieces = split_top(text, re.compile(r",|;|\\\\|&"))
        if pieces and not pieces[-1]:
            pieces.pop()
    else:
        pieces = split_top(text, re.compile(r"\s+"))
    return tuple(_unwrap(p) for p in pieces)
