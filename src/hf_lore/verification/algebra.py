r"""Comparing two expressions by algebra. Imports sympy: runs in workers only.

Only LaTeX is parsed, never Python expressions, so no text is evaluated as code. No time limit is
kept here: the process that asks kills this one.
"""

import logging
import re
from functools import lru_cache
from typing import Any

from math_verify import parse, verify
from math_verify.parser import LatexExtractionConfig

from .compare import compare_math, same_leaf
from .forms import Form, parse_form
from .screen import refusal

__all__ = ["UnreadableGoldError", "check", "readable"]

logging.disable(logging.CRITICAL)
_CONFIG = [LatexExtractionConfig()]
_PLAIN = (
    (re.compile(r"(?<![\\a-zA-Z])sqrt\s*\(([^()]*)\)"), r"\\sqrt{\1}"),
    (re.compile(r"\*\*"), "^"),
    (re.compile(r"\^\s*\(([^()]*)\)"), r"^{\1}"),
    (re.compile(r"(?<=[\w)}])\s*\*\s*(?=[\w(\\])"), r"\\cdot "),
    (re.compile(r"(?<![\\a-zA-Z])(pi|sin|cos|tan|cot|sec|csc|log|ln|infty)(?![a-zA-Z])"), r"\\\1 "),
)


class UnreadableGoldError(ValueError):
    """A gold that does not parse: nothing can be graded against it."""


def _latex(text: str) -> str:
    """Plain-text mathematics (`sqrt(5)`, `x**2`, `2*pi`) written as LaTeX."""
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
    gold_parsed = _parse(gold)
    if not gold_parsed:
        raise UnreadableGoldError(gold)
    if refusal(answer) is not None:
        return False
    answer_parsed = _parse(answer)
    if not answer_parsed:
        return False
    return bool(verify(list(gold_parsed), list(answer_parsed), timeout_seconds=None))


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
