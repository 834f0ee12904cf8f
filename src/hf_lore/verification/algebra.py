r"""Comparing two expressions by algebra. Imports sympy: runs in workers only.

Only LaTeX is parsed, never Python expressions, so no text is evaluated as code. No time limit is
kept here: the process that asks kills this one.
"""

import cmath
import logging
import re
from functools import lru_cache
from typing import Any

from latex2sympy2_extended import NormalizationConfig
from math_verify import parse, verify
from math_verify.parser import LatexExtractionConfig
from sympy import Expr

from .compare import compare_math, same_leaf
from .forms import Form, parse_form
from .screen import refusal

__all__ = ["UnreadableGoldError", "check", "readable"]

logging.disable(logging.CRITICAL)
# The library's own removal of units takes the t of 4t for tons, so that 4t equals 4; units are
# handled by `forms.py` before any text comes here.
_CONFIG = [
    LatexExtractionConfig(
        normalization_config=NormalizationConfig(
            basic_latex=True,
            units=False,
            malformed_operators=True,
            nits=True,
            boxed="last",
            equations=False,
        )
    )
]
_PLAIN = (
    (re.compile(r"(?<![\\a-zA-Z])sqrt\s*\(([^()]*)\)"), r"\\sqrt{\1}"),
    (re.compile(r"\*\*"), "^"),
    (re.compile(r"\^\s*\(([^()]*)\)"), r"^{\1}"),
    (re.compile(r"(?<=[\w)}])\s*\*\s*(?=[\w(\\])"), r"\\cdot "),
    (re.compile(r"(?<![\\a-zA-Z])(pi|sin|cos|tan|cot|sec|csc|log|ln|infty)(?![a-zA-Z])"), r"\\\1 "),
)


class UnreadableGoldError(ValueError):
    """A gold that does not parse: nothing can be graded against it."""


_UPRIGHT = re.compile(r"\\text\{\s*([A-Za-z])\s*\}")
_FUNCTION = re.compile(
    r"\\text\{\s*((?:arc)?(?:sin|cos|tan|cot|sec|csc)h?|log|ln|exp|gcd|lcm|max|min|det)\s*\}"
)


def _latex(text: str) -> str:
    """Plain-text mathematics (`sqrt(5)`, `x**2`, `2*pi`) written as LaTeX."""
    text = text.replace("\\degree", "^{\\circ}")
    text = _FUNCTION.sub(r"\\\1 ", _UPRIGHT.sub(r"\1", text))
    for pattern, replacement in _PLAIN:
        text = pattern.sub(replacement, text)
    return text


@lru_cache(maxsize=512)
def _parse(text: str) -> tuple[Any, ...]:
    parsed = parse(
        f"\\boxed{{{_latex(text)}}}", _CONFIG, fallback_mode="no_fallback", parsing_timeout=None
    )
    return tuple(parsed)


def leaf_equal(gold: str, answer: str) -> bool:
    """Whether two expressions are equal by algebra.

    Raises:
        UnreadableGoldError: the gold does not parse.
    """
    if (known := same_leaf(gold, answer)) is not None:
        return known
    if ("=" in gold) != ("=" in answer):
        # An equation hidden where shapes do not look is no value.
        return False
    if "\\text" in _latex(answer):
        # Words change or hedge what stands beside them, and the parser would drop them.
        return False
    gold_parsed = _parse(gold)
    if not gold_parsed:
        raise UnreadableGoldError(gold)
    if refusal(answer) is not None:
        return False
    answer_parsed = _parse(answer)
    if not answer_parsed:
        return False
    if _differ(gold_parsed[0], answer_parsed[0]):
        return False
    return bool(verify(list(gold_parsed), list(answer_parsed), timeout_seconds=None))


# Where expressions are evaluated: irrational-looking, away from zeros, poles and branch cuts.
_POINTS = (0.8143728, 1.3590417, 2.2360521)
# Relative; far beyond the sixth digit, to which a decimal answer must agree.
_DIFFERENCE = 1e-4
_ZERO = 1e-9


def _differ(gold: Any, answer: Any) -> bool:
    """Whether two expressions differ by value at a point; simplifying says the same, far slower."""
    if not (isinstance(gold, Expr) and isinstance(answer, Expr)):
        return False
    symbols = sorted({s.name for e in (gold, answer) for s in e.free_symbols})
    at = {name: _POINTS[i % 3] + 0.37 * (i // 3) for i, name in enumerate(symbols)}
    values = []
    for expression in (gold, answer):
        try:
            place = {s: at[s.name] for s in expression.free_symbols}
            values.append(complex(expression.subs(place).doit().evalf(12)))
        except (TypeError, ValueError, ArithmeticError, AttributeError):
            return False
    first, second = values
    if not (cmath.isfinite(first) and cmath.isfinite(second)):
        return False
    return abs(first - second) > _DIFFERENCE * max(_ZERO, abs(first), abs(second))


def warm_up() -> None:
    """Fills the parser's tables, so that the first question is not charged for it."""
    for text in (r"\frac{\sqrt{3}}{2}x^{2}+1", r"\left(2x-y\right)\pi"):
        _parse(text)


def check(gold: str, answer: str) -> bool:
    """Whether `answer` is `gold`, shapes by rule and leaves by algebra."""
    return compare_math(gold, answer, leaf_equal) is True


def readable(gold: str) -> bool:
    """Whether every leaf of a gold parses."""
    return all(same_leaf(t, "0") is not None or bool(_parse(t)) for t in _leaves(parse_form(gold)))


def _leaves(form: Form) -> list[str]:
    if form.parts:
        return [leaf for part in form.parts for leaf in _leaves(part)]
    return [] if form.kind in ("word", "base") else [form.text]
