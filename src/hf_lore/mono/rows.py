"""The questions of an instance as finished rows of lore-mono: what its 30 prompts share is made and
hashed once.

`Family.questions` gives the same questions one by one. Here the text is printed with a place left
open for N, and an id goes on from the hash of the text before that place. A family whose text
depends on N in another way (a plural, say) prints every prompt for itself.
"""

import hashlib
from collections.abc import Iterator, Sequence
from json.encoder import encode_basestring as _json
from typing import Any, NoReturn

from ..errors import HfLoreError
from .family import Family, Instance

__all__ = ["rows"]

# Printed where N stands; no prompt has it, as prompts are plain ASCII text.
PLACE = "\0"


class _AnyN:
    """An N that can be printed, and nothing else."""

    def __format__(self, spec: str) -> str:
        return self._refuse() if spec else PLACE

    def __str__(self) -> str:
        return PLACE

    def _refuse(self, *_: object) -> NoReturn:
        raise TypeError("the text depends on N by more than its number")

    __repr__ = __bool__ = __hash__ = __eq__ = __ne__ = _refuse  # the rest raises by itself


def rows(family: Family, instance: Instance, steps: Sequence[int]) -> Iterator[dict[str, Any]]:
    """The rows of an instance, N in the order of `steps`, with the columns of lore-mono.

    Raises:
        ConfigError: an answer or a prompt is empty.
        HfLoreError: the ids are not those of `Question`: a bug.
    """
    for n, (question_id, prompt) in zip(steps, _prompts(family, instance, steps), strict=True):
        yield {
            "id": question_id,
            "domain": family.domain,
            "family": family.name,
            "family_version": family.version,
            "instance": instance.index,
            "seed": instance.seed,
            "n_steps": n,
            "reference_ops": instance.reference_ops[n - 1],
            "problem": prompt,
            "answer": [instance.answers[n - 1]],
            "answer_types": [family.answer_type],
        }


def _prompts(family: Family, instance: Instance, steps: Sequence[int]) -> Iterator[tuple[str, str]]:
    around = _around_n(family, instance)
    if around is None or not all(map(str.strip, instance.answers)):
        for question in family.questions(instance, steps):
            yield question.id, question.prompt
        return
    before, after = around
    # The text that `Question` hashes: ["prompt",["gold"],["type"]].
    start = hashlib.sha256(f'["{_json(before)[1:-1]}'.encode())
    middle, end = f'{_json(after)[1:-1]}",[', f'],["{family.answer_type}"]]'
    for n in steps:
        whole = start.copy()
        whole.update(f"{n}{middle}{_json(instance.answers[n - 1])}{end}".encode())
        found = f"q-{whole.hexdigest()[:16]}", f"{before}{n}{after}"
        if n == steps[0]:
            # One of them the long way, so that the two can never part in silence.
            (question,) = family.questions(instance, [n])
            if found != (question.id, question.prompt):
                raise HfLoreError(
                    f"{family.name}, N = {n}: its row would be {found[0]}, but the question is "
                    f"{question.id}; fix: report this as a bug"
                )
        yield found


def _around_n(family: Family, instance: Instance) -> tuple[str, str] | None:
    """The prompt before and after N; None where N is not printed once, and only printed."""
    try:
        text = family.prompt(instance.setup, _AnyN())  # type: ignore[arg-type]
    except TypeError:
        return None
    before, _, after = text.partition(PLACE)
    return (before, after) if text.count(PLACE) == 1 else None
