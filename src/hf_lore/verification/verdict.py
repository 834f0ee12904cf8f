"""What grading takes and gives: `GradeItem`, `Verdict`, `Status`.

Both are frozen and hold plain values only, so they pickle and cross threads freely. The verdict
carries no parsed mathematics, because printing a parsed expression can take exponential time.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from ..errors import ConfigError
from ..questions import ANSWER_TYPES, AnswerType

__all__ = ["STATUSES", "GradeItem", "Status", "Verdict"]

Status = Literal["correct", "wrong", "no_answer", "gold_unparsed", "truncated", "timed_out"]
STATUSES: tuple[Status, ...] = (
    "correct",
    "wrong",
    "no_answer",
    "gold_unparsed",
    "truncated",
    "timed_out",
)


@dataclass(frozen=True, slots=True)
class GradeItem:
    """One text to grade.

    Args:
        text (`str`): what the model wrote; with a `</think>` only what follows the last one counts.
        gold (`str` or sequence of `str`): right answers in order, one a part.
        answer_types (sequence of `str`, *optional*): one of `ANSWER_TYPES` each; default all
            "math".
        truncated (`bool`, defaults to `False`): the text was cut by a token limit.
        sample_key (`str`, *optional*): copied to the verdict.
        reasoning_tokens (`int`, *optional*): copied to the verdict.

    Raises:
        ConfigError: no gold, or not one known answer type a gold.
    """

    text: str
    gold: str | Sequence[str]
    answer_types: Sequence[AnswerType] | None = None
    truncated: bool = False
    sample_key: str | None = None
    reasoning_tokens: int | None = None

    def __post_init__(self) -> None:
        golds = (self.gold,) if isinstance(self.gold, str) else tuple(self.gold)
        types = self.answer_types
        if isinstance(types, str):
            raise ConfigError(
                f"answer_types is the string {types!r}; fix: pass a sequence, such as [{types!r}]"
            )
        kinds: tuple[AnswerType, ...] = (
            tuple("math" for _ in golds) if types is None else tuple(types)
        )
        if not golds or not all(isinstance(g, str) for g in golds):
            raise ConfigError(f"gold is {self.gold!r}; fix: pass one string a part, at least one")
        if len(kinds) != len(golds):
            raise ConfigError(
                f"{len(golds)} golds but {len(kinds)} answer types; fix: give one type a gold"
            )
        if unknown := set(kinds) - set(ANSWER_TYPES):
            raise ConfigError(
                f"answer type {sorted(unknown)[0]!r} is unknown; fix: use one of "
                + ", ".join(ANSWER_TYPES)
            )
        object.__setattr__(self, "gold", golds)
        object.__setattr__(self, "answer_types", kinds)

    @property
    def golds(self) -> tuple[str, ...]:
        """The golds as a tuple, whatever form they were given in."""
        return (self.gold,) if isinstance(self.gold, str) else tuple(self.gold)

    @property
    def types(self) -> tuple[AnswerType, ...]:
        """One answer type a gold."""
        if self.answer_types is None:
            return tuple("math" for _ in self.golds)
        return tuple(self.answer_types)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of one text.

    Args:
        status (`str`): "correct", every part right; "wrong", at least one part is not;
            "no_answer", no answer to every part can be told from the text; "gold_unparsed", a gold
            cannot be read, so nothing was graded; "truncated", the text was cut; "timed_out", the
            comparison passed its time or memory limit.
        answers (`tuple[str, ...]`): the extracted answers, one a part; empty when none.
        parts (`tuple[bool, ...]`): which parts are right; empty where nothing was graded.
        sample_key (`str`, *optional*): the item's.
        reasoning_tokens (`int`, *optional*): the item's.
    """

    status: Status
    answers: tuple[str, ...] = ()
    parts: tuple[bool, ...] = ()
    sample_key: str | None = None
    reasoning_tokens: int | None = None
