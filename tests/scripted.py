"""A sampler whose answers are written by the test: the pipeline without a model.

It implements the `Sampler` protocol as any sampler does; what it "draws" depends on the draw's seed
and the question only.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence

from hf_lore.sampling.counting import R1_TAGS, count_from_ids
from hf_lore.sampling.sample import Draw, FinishReason, Sample, SamplingParams, sample_key

# (question id, draw number) → (text up to EOS, how it ended)
Script = Callable[[str, int], tuple[str, FinishReason]]


class ScriptedSampler:
    model, revision, count_method = "scripted", "r1", "ids"

    def __init__(self, tokenizer, script: Script, group_size: int = 7) -> None:
        self.tokenizer, self.script, self.group_size = tokenizer, script, group_size
        self.drawn: list[tuple[str, int]] = []

    def sample(
        self, draws: Sequence[Draw], params: SamplingParams, done: frozenset[str] = frozenset()
    ) -> Iterator[Iterable[Sample]]:
        owed = [s for s in (self._sample(d, params, done) for d in draws) if s is not None]
        for start in range(0, len(owed), self.group_size):
            yield owed[start : start + self.group_size]

    def _sample(self, draw: Draw, params: SamplingParams, done: frozenset[str]) -> Sample | None:
        question = draw.prompt.question_id
        key = sample_key(question, self.model, self.revision, params.hash, draw.number)
        if key in done:
            return None
        self.drawn.append((question, draw.number))
        text, finish = self.script(question, draw.number)
        ids = self.tokenizer(text, add_special_tokens=False)["input_ids"]
        if finish == "stop":
            ids.append(self.tokenizer.eos_token_id)
        return Sample(
            key=key,
            question_id=question,
            model=self.model,
            revision=self.revision,
            params_hash=params.hash,
            draw=draw.number,
            seed=draw.seed,
            text=text,
            token_ids=tuple(ids),
            n_tokens=len(ids),
            reasoning_tokens=count_from_ids(ids, R1_TAGS, self.tokenizer, draw.prompt.text),
            count_method="ids",
            finish_reason=finish,
        )
