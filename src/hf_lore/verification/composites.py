r"""Finding the answers of several questions, in order, in what a model wrote.

One reading is chosen from the text and from how many commas each gold holds, never by trying
readings until one is right. Where two readings differ, there is no answer.

In this order: the last box, if it splits into as many parts as there are golds; the last box under
each question's heading; the last boxes in order; then, without boxes, what `labels.py` finds, and
an announced list.
"""

import bisect
import re
from collections.abc import Sequence

from ..questions import AnswerType
from .compare import spelling
from .exact import seq_items
from .extract import answer_line
from .labels import NOUN, WEAK_LABEL, Label, find_labels, labelled_answers, unwrap_math
from .latex import Box, find_boxes, is_balanced, split_top, strip_outer, tidy, undelimit

__all__ = ["composite_answers", "split_box"]

MAX_BOXES = 200

# What may separate parts in one box, strongest first.
_BREAK = re.compile(r"\\\\(?:\[[^\]]*\])?|\\newline|\n+|&")
_SEMICOLON = re.compile(r";")
_QUAD = re.compile(r"(?:[,;]\s*)?\\q?quad(?![a-zA-Z])(?:\s*\\q?quad(?![a-zA-Z]))*")
_AND = re.compile(r",?\s*\\(?:text|mathrm|textrm|mbox)\{\s*,?\s*and\s*\}|,?\s+and\s+(?=\S)", re.I)
_COMMA = re.compile(r",")
_ANY = re.compile("|".join(p.pattern for p in (_BREAK, _QUAD, _AND)) + "|[,;]", re.I)
_ENVIRONMENT = re.compile(
    r"\\begin\{([a-z]*matrix|array|aligned|cases|gathered|split|align\*?)\}\s*(?:\{[lcr|\s]*\})?(.*)"
    r"\\end\{\1\}",
    re.DOTALL,
)
_THOUSANDS = re.compile(r"(?<![\d.])(\d{1,3}(?:(?:,\\!\s*|\{,\}|\\,|\\!,|,)\d{3})+)(?!\d)")
_PIECE_LABEL = re.compile(
    rf"\s*(?:\\text(?:bf)?\{{\s*)?\**(?:{NOUN}\s*(?:\#|no\.?)?\s*(\d{{1,2}})"
    r"|\((\d{1,2})\)|(\d{1,2})[.)](?!\d)(?=\s|\\))\s*\)?(?:\s*-(?=\s))?"
    r"(?:\s*(?:is\b|:|=|\)|\.(?=\s)))*\s*\}?\**\s*(?::|=|\.(?=\s))?\s*",
    re.IGNORECASE,
)


def _unlabel(pieces: list[str]) -> list[str] | None:
    """`pieces` in the order of their labels, labels gone; None where labels contradict."""
    numbers: list[int | None] = []
    bare: list[str] = []
    for piece in pieces:
        label = _PIECE_LABEL.match(piece)
        if label is not None and label.end() < len(piece):
            numbers.append(int(label[1] or label[2] or label[3]))
            rest = piece[label.end() :].strip()
            # `\\text{Q1: 3}` opened a brace that its answer closes.
            bare.append(rest if is_balanced(rest) else rest.removesuffix("}"))
        else:
            numbers.append(None)
            bare.append(piece)
    if all(n is None for n in numbers):
        return pieces
    if sorted(n or 0 for n in numbers) != list(range(1, len(pieces) + 1)):
        # Some labelled, some not, or labels that are part of the answers: left as they are.
        return pieces if None in numbers else None
    return [piece for _, piece in sorted(zip(numbers, bare, strict=True), key=lambda p: p[0] or 0)]


def _pieces(content: str, separator: re.Pattern[str]) -> list[str]:
    return [p for p in (q.strip().strip(",;").strip() for q in split_top(content, separator)) if p]


def _shares(golds: Sequence[str], types: Sequence[AnswerType]) -> list[int]:
    """How many pieces each gold falls into when it is cut as a box is."""
    shares = []
    for gold, kind in zip(golds, types, strict=True):
        if kind == "seq":
            outer = strip_outer(tidy(gold))
            shares.append(1 if outer or "," not in gold else len(seq_items(gold)))
        else:
            shares.append(max(1, len(_pieces(_protect(tidy(gold)), _ANY))))
    return shares


def _protect(text: str) -> str:
    """Thousands commas hidden from the separators."""
    return _THOUSANDS.sub(lambda m: re.sub(r"\D", "", m[1]), text)


def _deal(pieces: list[str], shares: list[int]) -> list[str]:
    dealt, at = [], 0
    for share in shares:
        dealt.append(", ".join(pieces[at : at + share]))
        at += share
    return dealt


def split_box(
    content: str, golds: Sequence[str], types: Sequence[AnswerType], *, alone: bool = False
) -> list[str] | None:
    r"""The parts of a box that answers every question, or None where it does not split so.

    Args:
        content: what is in the box.
        golds, types: of the questions; only their shapes are used, never their values.
        alone: the box is the only one, so `\boxed{2,135}` may be two parts instead of 2135.
    """
    parts = len(golds)
    shares = _shares(golds, types)
    content = undelimit(content)
    views = [content]
    if (environment := _ENVIRONMENT.fullmatch(content)) is not None:
        views.append(environment[2].strip())
    elif (
        outer := strip_outer(re.sub(r"\\(?:left|right)(?![a-zA-Z])\s*", "", content))
    ) is not None:
        views.append(outer[1])
    elif whole := re.fullmatch(r"\\(?:text|mathrm)\{(.*)\}", content, re.DOTALL):
        views.append(whole[1])
    for view in views:
        for protected in (True, False) if alone else (True,):
            text = _protect(view) if protected else view
            for separator in (_BREAK, _SEMICOLON, _QUAD, _AND):
                pieces = _pieces(text, separator)
                if len(pieces) == parts:
                    return _unlabel(pieces)
            pieces = _pieces(text, _ANY)
            if len(pieces) == sum(shares):
                return _unlabel(_deal(pieces, shares))
            if len(pieces) == parts and all(
                share == 1 or strip_outer(tidy(piece))
                for piece, share in zip(pieces, shares, strict=True)
            ):
                return _unlabel(pieces)
    return None


def composite_answers(
    document: str, golds: Sequence[str], types: Sequence[AnswerType]
) -> tuple[str, ...] | None:
    """The answers to all questions, in the questions' order, or None where they cannot be told.

    Args:
        document: what is graded, as `extract.final_document` gives it.
        golds, types: of the questions; only their shapes are used, never their values.
    """
    parts = len(golds)
    boxes = find_boxes(document)
    if not boxes:
        return _unboxed(document, golds, types)
    boxes = boxes[-MAX_BOXES:]
    labels = find_labels(document, parts)
    sections = _sections(document, boxes, labels, parts)
    last = boxes[-1]
    combined = None
    if not _has_owner(document, boxes, labels):
        combined = split_box(last.content, golds, types, alone=len(boxes) == 1)
    if combined is not None:
        said = {spelling(tidy(box.content)) for box in boxes[:-1]}
        restated = [spelling(tidy(answer)) in said for answer in combined]
        if all(restated) or len(boxes) < parts or not _same_shape(last.content, golds[-1]):
            return _confirmed(document, combined, any(restated[:-1]), boxes, sections, parts)
    if sections is not None:
        return tuple(box.content for box in sections)
    if len(boxes) < parts:
        return None
    return _last_boxes(document, boxes, parts)


def _has_owner(document: str, boxes: list[Box], labels: list[Label]) -> bool:
    """Whether the last box directly follows the label of one question: it answers that one only."""
    last = boxes[-1]
    after = boxes[-2].end if len(boxes) > 1 else 0
    since = [label for label in labels if after <= label.start < last.start]
    if len({label.number for label in since}) != 1:
        return False
    between = document[since[-1].end : last.start].strip()
    return len(between) <= 60 and "\n\n" not in between and not _FINAL.search(between)


def _same_shape(answer: str, gold: str) -> bool:
    """Whether an answer is bracketed and cut as one gold is, and so may be that gold alone."""
    shapes = []
    for text in (tidy(answer), tidy(gold)):
        outer = strip_outer(text)
        inside = outer[1] if outer else text
        shapes.append((outer is None, len(_pieces(_protect(inside), _ANY))))
    return shapes[0] == shapes[1]


def _sections(document: str, boxes: list[Box], labels: list[Label], parts: int) -> list[Box] | None:
    """The last box under each question's heading, or None unless every question has one."""
    for chosen in ([x for x in labels if x.heads_line], labels):
        starts = [label.start for label in chosen]
        found: dict[int, Box] = {}
        for box in boxes:
            if (at := bisect.bisect_left(starts, box.start)) > 0:
                found[chosen[at - 1].number] = box
        if len(found) == parts:
            return [found[i] for i in range(1, parts + 1)]
    return None


_FINAL = re.compile(
    r"final|answers|respectively|in order|combin|together|both|summar|conclu|all (?:the )?answers",
    re.IGNORECASE,
)


def _confirmed(
    document: str,
    combined: list[str],
    restated: bool,
    boxes: list[Box],
    sections: list[Box] | None,
    parts: int,
) -> tuple[str, ...] | None:
    """`combined`, unless other boxes say that the last one answers its own question only."""
    last, others = boxes[-1], boxes[:-1]
    if restated or len(others) < parts - 1:
        return tuple(combined)
    paragraph = document[max(0, document.rfind("\n\n", 0, last.start)) : last.start]
    if _FINAL.search(paragraph[-400:]):
        return tuple(combined)
    # As many boxes before it as there are other questions, and none restated: two readings.
    return None if sections is not None or len(others) == parts - 1 else tuple(combined)


def _last_boxes(document: str, boxes: list[Box], parts: int) -> tuple[str, ...] | None:
    """The last boxes in order, or in the order of the numbers before them."""
    chosen = boxes[-parts:]
    numbers = []
    for box in chosen:
        line = document.rfind("\n", 0, box.start) + 1
        weak = WEAK_LABEL.match(document, line, box.start)
        numbers.append(int(weak[1] or weak[2] or 0) if weak else 0)
    if sorted(numbers) == list(range(1, parts + 1)):
        chosen = [box for _, box in sorted(zip(numbers, chosen, strict=True), key=lambda p: p[0])]
    return tuple(box.content for box in chosen)


def _unboxed(
    document: str, golds: Sequence[str], types: Sequence[AnswerType]
) -> tuple[str, ...] | None:
    """Answers without any box: labelled lines or tables, one announced list, or a bare list."""
    labelled = labelled_answers(document, len(golds), weak=False)
    if labelled is not None:
        return labelled
    announced = answer_line(document)
    if announced is None:
        return labelled_answers(document, len(golds), weak=True)
    pieces = split_box(announced, golds, types, alone=True)
    return None if pieces is None else tuple(unwrap_math(piece) for piece in pieces)
