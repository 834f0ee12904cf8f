r"""The shape of a `math` answer: list, tuple, interval, union, equation, quantity, word, leaf.

Shapes are compared here, by rule; only leaves (single expressions) ever reach algebra, so that a
tuple never equals a list, a percentage never its number, and nothing equals every equation to 0.
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from .latex import split_top, strip_outer, tidy

__all__ = ["Form", "parse_form"]

Kind = Literal["leaf", "word", "list", "tuple", "union", "matrix", "equation", "quantity", "base"]


@dataclass(frozen=True, slots=True)
class Form:
    """One answer by shape.

    Args:
        kind (`str`): see the module; "quantity" is a leaf with a unit, "base" digits in a base.
        text (`str`): the leaf's expression, the word, a base's digits, or the whole, tidy.
        parts (`tuple[Form, ...]`): members of a list, tuple, union or matrix (row by row); the
            two sides of an equation.
        mark (`str`): brackets of a tuple, such as "(]"; the unit; the base; rows × columns.
    """

    kind: Kind
    text: str
    parts: tuple["Form", ...] = ()
    mark: str = ""


_SEPARATOR = re.compile(
    r"[,;]|\\text\{\s*,?\s*(?:and|or)\s*\}|(?<![a-zA-Z\\])(?:and|or)(?![a-zA-Z])"
    r"|\\(?:land|lor|wedge|vee)(?![a-zA-Z])"
)
_CUP = re.compile(r"\\cup(?![a-zA-Z])|(?<=[)\]])\s*U\s*(?=[(\[])")
_RELATION = re.compile(r"\\(?:le|ge|lt|gt|ne|in)(?![a-zA-Z])|[<>]=?")
_EQUALS = re.compile(r"(?<![<>!\\:])=|\\equiv(?![a-zA-Z])")
_MATRIX = re.compile(
    r"\\begin\{([pbB]?matrix|array)\}\s*(?:\{[lcr|\s]*\})?(.*?)\\end\{\1\}", re.DOTALL
)
_PM = re.compile(r"\\pm(?![a-zA-Z])|\\mp(?![a-zA-Z])")
_WORD = re.compile(r"(?:\\text\{[^{}]*\}|(?<![A-Za-z])[A-Za-z][a-z]{3,}(?![A-Za-z])|[\s\-'.])+")
_BASE = re.compile(
    r"(?:\\text\{)?\(?([0-9A-Z]+)\)?\}?\s*_\s*(?:\{\s*(?:\\text\{)?\s*(\d+|two|three|four|five|six|seven|eight|nine|ten)"
    r"\s*\}?\s*\}|(\d+))"
)
# `\\text{4:30 p.m.}` is a number and its unit, written as one.
_NUMBER_IN_TEXT = re.compile(r"\\text\{\s*(-?\d[\d:.,/]*)\s*([A-Za-z][A-Za-z. ]*)?\}")
_NAME = re.compile(
    r"(?:\\angle\s*|\\triangle\s*|\\overline|\\text|\\vec|\\mathbf)?\{?\s*"
    r"[A-Za-z](?:[A-Za-z]{0,3}|\w*)'*\s*\}?(?:_\{?\w+\}?)?(?:\([^()=+]*\))?"
    r"|\\(?:[a-z]+)(?:_\{?\w+\}?)?|\|[A-Za-z]{1,3}\||\\text\{[^{}]*\}(?:\s*[A-Za-z])?"
    r"|\\frac\{[A-Z]{2}\}\{[A-Z]{2}\}|(?:m)?\\angle\s*\{?[A-Z]{1,3}\}?"
)

# Units that change nothing but their name: the first spelling of each row stands for all.
_UNIT_ROWS = (
    "degree degrees deg ° º", "dollar dollars usd buck bucks", "cent cents ¢", "cm centimeter "
    "centimeters centimetre centimetres", "mm millimeter millimeters", "m meter meters metre "
    "metres", "km kilometer kilometers kilometre kilometres", "in inch inches", "ft foot feet",
    "yd yard yards", "mi mile miles", "s sec second seconds secs", "min minute minutes mins",
    "h hr hour hours hrs", "day days", "week weeks", "month months", "year years yr yrs",
    "g gram grams", "kg kilogram kilograms", "lb pound pounds lbs", "oz ounce ounces",
    "unit units", "mph", "liter liters litre litres", "percent percentage %", "radian radians rad",
    "ml milliliter milliliters", "sq square", "people person persons", "way ways",
)  # fmt: skip
MAX_UNIT_WORDS = 4
# Words that change the value or hedge it: what they follow is no quantity with a unit.
_NO_UNITS = frozenset(
    re.findall(
        r"\w+",
        "or and not any but if no none neither either less more than least most about to through is"
        " are was hundred thousand million billion trillion dozen score half third quarter tenths"
        " hundredths factorial mod modulo base remainder times plus minus over root negative"
        " imaginary k bn i",
    )
)
_UNITS = {word: row.split()[0] for row in _UNIT_ROWS for word in row.split()}
_BARE_UNIT = "|".join(sorted((re.escape(w) for w in _UNITS if len(w) > 1), key=len, reverse=True))
_TEXT_UNIT = re.compile(
    r"(.*[\d}\)a-zA-Z])\s*\\text\{\s*([^{}]*?)\s*\}\s*(?:\^\s*\{?\s*(\d)\s*\}?)?"
)
_WORD_UNIT = re.compile(
    rf"(.*[\d}}\)]|\\pi)\s*((?:(?:square|sq\.?|cubic)\s+)?(?:{_BARE_UNIT}))\.?\s*(?:\^\s*\{{?\s*(\d)\s*\}}?)?"
)
_DIGIT_NAMES = ("two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
_DIGIT_WORDS = {word: str(value) for value, word in enumerate(_DIGIT_NAMES, 2)}


def _unit(words: str, power: str | None) -> str:
    """The unit's one spelling, or nothing; `cm^2`, `square cm` and `sq. cm` are one."""
    parts = [p for p in re.split(r"[\s.]+", words.lower()) if p and p not in ("of", "the")]
    if len(parts) > MAX_UNIT_WORDS or _NO_UNITS & set(parts):
        return ""
    if parts and parts[0] in ("square", "sq", "cubic"):
        power = power or ("3" if parts[0] == "cubic" else "2")
        parts = parts[1:]
    if parts[-1:] == ["squared"] or parts[-1:] == ["cubed"]:
        power = power or ("2" if parts[-1] == "squared" else "3")
        parts = parts[:-1]
    name = " ".join(_UNITS.get(p, p) for p in parts)
    if not name:
        return ""
    name = {"mi per h": "mph", "km per h": "km/h", "kph": "km/h"}.get(name, name)
    return f"{name}^{power}" if power else name


def _quantity(text: str) -> Form | None:
    if text.startswith("\\$"):
        rest = text[2:].strip()
        inner = _quantity(rest)
        if inner is not None and inner.mark != "dollar":
            return inner
        return Form("quantity", inner.text if inner else rest, mark="dollar")
    if text.startswith("$") and len(text) > 1:
        return Form("quantity", text.strip("$ "), mark="dollar")
    if text.endswith("%"):
        return Form("quantity", text.removesuffix("%").removesuffix("\\").strip(), mark="percent")
    if text.endswith("\\degree"):
        return Form("quantity", text.removesuffix("\\degree").strip(), mark="degree")
    for pattern in (_TEXT_UNIT, _WORD_UNIT):
        if (found := pattern.fullmatch(text)) is None:
            continue
        unit = _unit(found[2], found[3])
        if not unit or re.search(r"\d", found[2]):
            continue
        if not re.search(r"\d|\\pi|^[a-z]$", found[1]):
            continue
        if inner := _quantity(found[1].strip()):
            if inner.mark in ("dollar", "degree", unit):
                return inner
            continue
        return Form("quantity", found[1].strip(), mark=unit)
    return None


def _word(text: str) -> Form | None:
    if not _WORD.fullmatch(text) or not re.search(r"[A-Za-z]", text):
        bare = re.fullmatch(
            r"\(\s*\\?(?:text\{)?\s*([A-Z])\s*\}?\s*\)|\\text\{\s*\(?([A-Z])\)?\s*\}", text
        )
        if bare is None:
            return None
        return Form("word", (bare[1] or bare[2]).casefold())
    words = re.sub(r"\\text\{([^{}]*)\}", r"\1", text)
    words = re.sub(r"\s+", " ", words).strip(" .")
    if single := re.fullmatch(r"\(([A-Za-z])\)", words):
        words = single[1]
    return Form("word", words.casefold()) if words else None


@lru_cache(maxsize=4096)
def parse_form(text: str) -> Form:
    """The shape of a `math` answer. Total: what fits no shape is a leaf."""
    return _parse(tidy(text), 0)


def _parse(text: str, depth: int) -> Form:
    if depth > 8 or len(text) > 5000:
        return Form("leaf", text)
    if (said := _NUMBER_IN_TEXT.fullmatch(text)) is not None:
        text = said[1] + (f"\\text{{ {said[2]}}}" if said[2] else "")
    if (word := _word(text)) is not None:
        return word
    pieces = _list_pieces(text)
    if len(pieces) > 1:
        return Form("list", text, _members(pieces, depth))
    text = pieces[0] if pieces else text
    if (based := _BASE.fullmatch(text)) is not None:
        base = based[2] or based[3]
        return Form("base", based[1].lstrip("0") or "0", mark=_DIGIT_WORDS.get(base, base))
    unions = split_top(text, _CUP)
    if len(unions) > 1:
        return Form("union", text, _members(unions, depth))
    if (interval := _interval(text, depth)) is not None:
        return interval
    if (held := _held(text, depth)) is not None:
        return held
    sides = split_top(text, _EQUALS)
    if len(sides) > 1 and all(sides):
        return Form("equation", text, (_parse(sides[0], depth + 1), _parse(sides[-1], depth + 1)))
    if (quantity := _quantity(text)) is not None:
        return quantity
    if len(_PM.findall(text)) == 1:
        return Form("list", text, _members([text], depth))
    return Form("leaf", text)


def _list_pieces(text: str) -> list[str]:
    """Pieces outside brackets; a comma between digits in groups of three separates nothing."""
    marked = re.sub(
        r"(?<![\d.])(\d{1,3}(?:,\d{3})+)(?![\d,])", lambda m: m[1].replace(",", "\x00"), text
    )
    pieces = [p.replace("\x00", ",") for p in split_top(marked, _SEPARATOR)]
    return [p for p in pieces if p]


def _members(pieces: list[str], depth: int) -> tuple[Form, ...]:
    r"""The forms of `pieces`; one with a single `\pm` stands for two."""
    members: list[Form] = []
    for piece in pieces:
        if len(_PM.findall(piece)) == 1 and "," not in piece:
            minus = _PM.sub("-", piece)
            plus = re.sub(r"(^|[=(\[{])\s*\+", r"\1", _PM.sub("+", piece))
            members += [_parse(plus, depth + 1), _parse(minus, depth + 1)]
        else:
            members.append(_parse(piece, depth + 1))
    return tuple(members)


def _held(text: str, depth: int) -> Form | None:
    """A tuple, a set in braces, a matrix, or an expression in needless brackets."""
    if (matrix := _MATRIX.fullmatch(text)) is not None:
        rows = [r for r in split_top(matrix[2], re.compile(r"\\\\(?:\[[^\]]*\])?")) if r]
        cells = [split_top(row, re.compile("&")) for row in rows]
        if cells and len({len(row) for row in cells}) == 1:
            parts = tuple(_parse(tidy(c), depth + 1) for row in cells for c in row)
            return Form("matrix", text, parts, f"{len(cells)}x{len(cells[0])}")
        return None
    if (outer := strip_outer(text)) is None:
        return None
    opening, inside, closing = outer
    pieces = _list_pieces(inside)
    if opening == "{" and closing == "}":
        if text.startswith("{"):
            return _parse(inside, depth + 1) if inside else None
        return Form("list", text, _members(pieces, depth)) if pieces else None
    if len(pieces) > 1:
        mark = opening + closing
        return Form("tuple", text, tuple(_parse(p, depth + 1) for p in pieces), mark)
    if opening == "(" and closing == ")" and inside:
        return _parse(inside, depth + 1)
    return None


def _interval(text: str, depth: int) -> Form | None:
    r"""`a \le x < b`, `x > a`, `x \in [a,b]` as the interval they describe."""
    signs = _RELATION.findall(text)
    sides = split_top(text, _RELATION)
    if not signs or len(sides) != len(signs) + 1 or not all(sides):
        return None
    if signs == ["\\in"] and re.fullmatch(r"[a-z]", sides[0]):
        return _parse(sides[1], depth + 1)
    below = {"<": ")", "\\lt": ")", "<=": "]", "\\le": "]"}
    above = {">": "(", "\\gt": "(", ">=": "[", "\\ge": "["}
    infinity, minus = Form("leaf", "\\infty"), Form("leaf", "-\\infty")
    name = re.compile(r"[a-zA-Z]|\\theta|\\alpha|[a-z]\([a-z]\)")
    ends = [_parse(s, depth + 1) for s in sides]
    if len(signs) == 2 and name.fullmatch(sides[1]):
        if signs[0] in below and signs[1] in below:
            mark = {")": "(", "]": "["}[below[signs[0]]] + below[signs[1]]
            return Form("tuple", text, (ends[0], ends[2]), mark)
        if signs[0] in above and signs[1] in above:
            mark = above[signs[1]] + {"(": ")", "[": "]"}[above[signs[0]]]
            return Form("tuple", text, (ends[2], ends[0]), mark)
    if len(signs) == 1 and signs[0] in below | above:
        sign, left = signs[0], bool(name.fullmatch(sides[0]))
        if left == bool(name.fullmatch(sides[1])):
            return None
        end = ends[1] if left else ends[0]
        if (sign in below) == left:
            closing = below.get(sign) or {"(": ")", "[": "]"}[above[sign]]
            return Form("tuple", text, (minus, end), "(" + closing)
        opening = above.get(sign) or {")": "(", "]": "["}[below[sign]]
        return Form("tuple", text, (end, infinity), opening + ")")
    return None


def is_name(form: Form) -> bool:
    """Whether a side of an equation is a name for a value, as `x`, `f(2)` and `AB` are."""
    if form.kind == "tuple":
        return all(is_name(part) for part in form.parts)
    return form.kind in ("leaf", "word", "quantity") and bool(_NAME.fullmatch(form.text))
