r"""The shapes in which a model may answer several questions, and ways to answer them wrongly.

A shape takes the answers, in the questions' order, and gives a text. Shared by the tests and by
benchmarks/verification.py.
"""
# ruff: noqa: E501 - one shape a line reads as a table

import re
from collections.abc import Callable, Sequence

Shape = Callable[[Sequence[str]], str]
_WORDS = ("first", "second", "third", "fourth", "fifth", "sixth")


def box(answer: str) -> str:
    return rf"\boxed{{{answer}}}"


def _numbered(answers: Sequence[str], line: str, between: str = "\n", end: str = "") -> str:
    """`line` for each answer: `{i}` its number, `{a}` the answer, `{b}` its box."""
    return (
        between.join(
            line.replace("{i}", str(i))
            .replace("{w}", _WORDS[i - 1])
            .replace("{W}", _WORDS[i - 1].capitalize())
            .replace("{b}", box(a))
            .replace("{a}", a)
            for i, a in enumerate(answers, 1)
        )
        + end
    )


def _and(items: Sequence[str]) -> str:
    return ", ".join(items[:-1]) + (" and " if len(items) > 1 else "") + items[-1]


_FILLER = "We compute $2+2=4$ and then\n1. expand\n2. collect terms, which gives $x^2-1$.\n\n"

SHAPES: dict[str, Shape] = {
    # A box a part.
    "boxes in a sentence": lambda a: f"The answers are {_and([box(x) for x in a])}.",
    "boxes on lines": lambda a: _FILLER + "\n".join(box(x) for x in a),
    "boxes after Q labels": lambda a: _numbered(a, "Q{i}: {b}"),
    "boxes after bold labels": lambda a: _numbered(a, "**Question {i}:** {b}"),
    "boxes under headings": lambda a: _numbered(a, "### Question {i}\n\n" + _FILLER + "So {b}.", "\n\n"),
    "boxes under bold headings": lambda a: _numbered(a, "**Q{i}.**\n" + _FILLER + "$$ {b} $$", "\n\n"),
    "boxes in a numbered list": lambda a: _FILLER + _numbered(a, "{i}. {b}"),
    "boxes in a bracketed list": lambda a: _FILLER + _numbered(a, "({i}) ${b}$"),
    "boxes after ordinals": lambda a: _numbered(a, "For the {w} question, we get {b}.", " "),
    "boxes after 'Answer to Question i'": lambda a: _numbered(a, "Answer to Question {i}: {b}"),
    "boxes in a table": lambda a: "| Question | Answer |\n|---|---|\n" + _numbered(a, "| Q{i} | ${b}$ |"),
    "boxes in one displayed formula": lambda a: r"\[ " + r" \quad ".join(box(x) for x in a) + r" \]",
    "boxes in an array": lambda a: r"\begin{aligned}" + r" \\ ".join(box(x) for x in a) + r"\end{aligned}",
    "intermediate boxes under headings": lambda a: _numbered(
        a, "## Problem {i}\nFirst $\\boxed{77}$, then\n" + _FILLER + "finally {b}.", "\n\n"
    ),
    "intermediate boxes before all": lambda a: (
        r"A step gives \boxed{1234567}." "\n" + _FILLER + _numbered(a, "Answer {i}: {b}")
    ),
    "finals restated": lambda a: (
        _numbered(a, "Q{i}: so {b}.", "\n\n") + "\n\nFinal answers:\n" + _numbered(a, "{i}. {b}")
    ),
    "finals restated in one box": lambda a: (
        _numbered(a, "**Question {i}**\n" + _FILLER + "so {b}.", "\n\n")
        + f"\n\nThe final answers are {box(', '.join(a))}."
    ),
    # One box.
    "one box, commas": lambda a: box(", ".join(a)),
    "one box, commas without blanks": lambda a: box(",".join(a)),
    "one box, semicolons": lambda a: box("; ".join(a)),
    "one box, quads": lambda a: box(r" \quad ".join(a)),
    "one box, comma and quad": lambda a: box(r",\quad ".join(a)),
    "one box, 'and'": lambda a: box(r" \text{ and } ".join(a)),
    "one box, plain 'and'": lambda a: box(" and ".join(a)),
    "one box, LaTeX line breaks": lambda a: box(r" \\ ".join(a)),
    "one box, new lines": lambda a: box("\n".join(a)),
    "one box, array": lambda a: box(r"\begin{array}{c} " + r" \\ ".join(a) + r" \end{array}"),
    "one box, row array": lambda a: box(r"\begin{array}{cc} " + " & ".join(a) + r" \end{array}"),
    "one box, matrix": lambda a: box(r"\begin{pmatrix} " + r" \\ ".join(a) + r" \end{pmatrix}"),
    "one box, round brackets": lambda a: box("(" + ", ".join(a) + ")"),
    "one box, square brackets": lambda a: box("[" + ", ".join(a) + "]"),
    "one box, braces": lambda a: box(r"\{" + ", ".join(a) + r"\}"),
    "one box, left-right": lambda a: box(r"\left(" + ", ".join(a) + r"\right)"),
    "one box, labels": lambda a: box(_numbered(a, "Q{i}: {a}", ", ")),
    "one box, text labels": lambda a: box(_numbered(a, r"\text{Q{i}: } {a}", r", \quad ")),
    "one box, bracketed labels": lambda a: box(_numbered(a, "({i})\\ {a}", r" \quad ")),
    "one box after reasoning": lambda a: (
        r"First \boxed{1234567} is a bound." "\n\n" + _FILLER + "Final answer: " + box(", ".join(a))
    ),
    "boxes in a box": lambda a: box(", ".join(box(x) for x in a)),
    # No box.
    "Q lines": lambda a: _numbered(a, "Q{i}: {a}"),
    "Answer lines": lambda a: _FILLER + _numbered(a, "Answer {i}: ${a}$"),
    "bold question lines": lambda a: _FILLER + _numbered(a, "**Question {i}:** ${a}$"),
    "bracketed lines": lambda a: _numbered(a, "({i}) ${a}$"),
    "numbered lines": lambda a: _FILLER + "Answers:\n\n" + _numbered(a, "{i}. ${a}$"),
    "bullets": lambda a: _numbered(a, "- Question {i}: ${a}$"),
    "prose per question": lambda a: _numbered(a, "The answer to Question {i} is ${a}$."),
    "ordinal prose": lambda a: _numbered(a, "The {w} answer is ${a}$."),
    "table rows": lambda a: "| Question | Answer |\n|:--|--:|\n" + _numbered(a, "| {i} | ${a}$ |"),
    "table columns": lambda a: (
        "| " + " | ".join(f"Q{i}" for i in range(1, len(a) + 1)) + " |\n"
        + "|" + "---|" * len(a) + "\n| " + " | ".join(f"${x}$" for x in a) + " |"
    ),
    "headed sections, answer lines": lambda a: _numbered(
        a, "## Question {i}\n" + _FILLER + "**Answer:** ${a}$", "\n\n"
    ),
    "final answer line": lambda a: _FILLER + "Final answer: " + _and([f"${x}$" for x in a]),
}  # fmt: skip


def off_by_one(answer: str) -> str:
    """`answer` with its last number raised by one, or with `+ 1` where it has none."""
    found = list(re.finditer(r"\d{1,3}(?:,\d{3})+(?!\d)|\d+", answer))
    if not found:
        return answer + " + 1" if not answer.startswith(r"\text") else r"\text{neither}"
    last = found[-1]
    raised = int(last.group().replace(",", "")) + 1
    shown = f"{raised:,}" if "," in last.group() else str(raised)
    return answer[: last.start()] + shown + answer[last.end() :]


def mutants(answers: Sequence[str], foreign: str) -> dict[str, list[str]]:
    """Wrong versions of `answers`, by name; parts equal to each other make none of swaps."""
    wrong: dict[str, list[str]] = {}
    for i in range(len(answers)):
        rest = list(answers)
        rest[i] = off_by_one(answers[i])
        wrong[f"off by one in {i + 1}"] = rest
        rest = list(answers)
        rest[i] = foreign
        wrong[f"foreign {i + 1}"] = rest
        if len(answers) > 1:
            wrong[f"missing {i + 1}"] = [a for j, a in enumerate(answers) if j != i]
            wrong[f"only {i + 1}, repeated"] = [answers[i]] * len(answers)
    if len(answers) > 1:
        wrong["reversed"] = list(reversed(answers))
        wrong["rotated"] = [*answers[1:], answers[0]]
    return wrong
