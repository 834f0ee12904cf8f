"""A verified run's samples with their verdicts, a question at a time: never all in memory."""

from contextlib import ExitStack
from typing import Self

from ..adaptive import owed_draws
from ..errors import ConfigError
from ..questions import Composite
from ..run import Run
from ..sampling.sample import Prompt, Sample
from ..sampling.store import SampleStore, shard_of
from ..verification import Status
from ..verification.verdict_store import VerdictStore, grader_name
from .draw import owed_by

__all__ = ["Graded", "GradedSamples", "check_verified"]

# One question's samples by draw, with the status of each.
Graded = list[tuple[Sample, Status]]


def check_verified(run: Run, verdicts: int, n_questions: int | None = None) -> None:
    """Raises ConfigError where so many verdicts are fewer than the samples that the run owes.

    Args:
        n_questions (`int`, *optional*): how many the run asks, where that is known already.
    """
    if run.manifest.adaptive is None:
        asked = run.summary().n_questions if n_questions is None else n_questions
        owed = asked * run.manifest.num_samples
    else:
        owed = verdicts + sum(map(len, owed_by(run).values()))
    if verdicts < owed:
        raise ConfigError(
            f"{run.path} has {verdicts} verdicts for {owed} samples owed; fix: run "
            "`hf-lore sample` and `hf-lore verify` on it to the end first"
        )


class GradedSamples:
    """A verified run's samples and their verdicts, found by question; a context manager.

    Args:
        run: sampled and verified.

    Raises:
        ConfigError: the run has not been verified, or not all of it. Of a run with an adaptive K
            that shows at the composite that lacks draws, see `of_composite`.
    """

    def __init__(self, run: Run) -> None:
        self._run = run
        self._stack = ExitStack()
        try:
            self._shards = [self._open(shard) for shard in run.shards]
            # A verdict may outlive its sample, where a file of samples was lost.
            sizes = [(len(samples), len(verdicts)) for samples, verdicts in self._shards]
            self._graded = sum(map(min, sizes))
            if run.manifest.adaptive is None:
                check_verified(run, self._graded, run.summary().n_questions)
            elif self._graded < sum(samples for samples, _ in sizes):
                check_verified(run, self._graded)
        except BaseException:
            self._stack.close()
            raise

    def _open(self, shard: int | None) -> tuple[SampleStore, VerdictStore]:
        fingerprint = self._run.manifest.fingerprint
        samples = SampleStore(self._run.samples, fingerprint, read_only=True, shard=shard)
        self._stack.enter_context(samples)
        verdicts = VerdictStore(self._run.verdicts, grader_name(), read_only=True, shard=shard)
        return samples, self._stack.enter_context(verdicts)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    def of_question(self, question_id: str) -> Graded:
        """One question's samples by draw, with the status of each.

        Raises:
            ConfigError: a sample without a verdict.
        """
        samples, verdicts = self._shards[shard_of(question_id, len(self._shards))]
        drawn = samples.by_question(question_id)
        statuses = verdicts.statuses([sample.key for sample in drawn])
        if len(statuses) < len(drawn):
            raise ConfigError(
                f"{self._run.path} has samples without a verdict; fix: run `hf-lore verify` on it"
            )
        return [(sample, statuses[sample.key]) for sample in drawn]

    def of_composite(self, composite: Composite) -> list[Graded]:
        """`of_question` of each of its questions, in the order of its roles.

        Raises:
            ConfigError: also where an adaptive K owes it draws.
        """
        drawn = [self.of_question(question.id) for question in composite.questions]
        adaptive = self._run.manifest.adaptive
        if adaptive is not None:
            # Draws without a gap in their numbers count; of a wrong one the length is not asked.
            outcomes = {
                question.id: [
                    sample.reasoning_tokens if status == "correct" else None
                    for number, (sample, status) in enumerate(graded)
                    if sample.draw == number
                ]
                for question, graded in zip(composite.questions, drawn)
            }
            most = self._run.manifest.num_samples
            if owed_draws([composite], outcomes, most, adaptive):
                check_verified(self._run, self._graded)
        return drawn

    def prompt(self, question_id: str) -> Prompt:
        """What the model was fed for a question."""
        return self._shards[shard_of(question_id, len(self._shards))][0].prompt(question_id)
