"""Law scores while a model trains: `CompositionalityCallback`, `MonotonicityCallback`.

At every evaluation of any transformers or trl trainer, K answers to each question are drawn from
the model as it is, graded and scored. The scores enter `metrics` in place, so that best-model
choice and early stopping see them, and the log, so that trackers do. Training is left as it was:
same losses, same random numbers, same modes. A failure costs one line and NaN, never the run.

Covers one process and data-parallel ranks, each holding the whole model. Sharded models (FSDP,
ZeRO-3) are refused unless a `sampler` that speaks to a server is given.
"""

import logging
import math
import random
from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch
from transformers import (
    ProcessorMixin,
    TrainerCallback,
    TrainerControl,
    TrainerState,
    TrainingArguments,
)

from ..errors import ConfigError, HfLoreError
from ..questions import Composite, Question
from ..sampling.continuous import ContinuousBatchingSampler
from ..sampling.counting import R1_TAGS, ThinkTags
from ..sampling.in_process import TransformersSampler
from ..sampling.prompts import render_prompts
from ..sampling.sample import Sampler, SamplingParams
from .law_eval import (
    COMPOSITIONALITY_KEYS,
    MONOTONICITY_KEYS,
    Outcome,
    composites_of,
    draws_of,
    families_of,
    run_work,
    score_composites,
    score_families,
)
from .tracker_media import EvalMedia, composite_media, family_media, send_media

if TYPE_CHECKING:
    from datasets import Dataset
    from transformers import ContinuousBatchingConfig, PreTrainedModel, Trainer

__all__ = ["CompositionalityCallback", "MonotonicityCallback"]

logger = logging.getLogger(__name__)

# What an evaluation may die of without the run dying too: memory (a RuntimeError in torch), a
# server, a file system. Anything else is a bug and keeps its traceback.
SURVIVED = (RuntimeError, MemoryError, OSError, HfLoreError)


class LawCallback(TrainerCallback):
    """What the two callbacks share; not to be used by itself."""

    keys: tuple[str, ...] = ()

    def __init__(
        self,
        trainer: "Trainer",
        questions: Sequence[Question],
        num_samples: int,
        sampling: SamplingParams | None,
        sampler: Sampler | None,
        instruction: str | None,
        batch_size: int,
        tags: ThinkTags | None,
        media: bool,
        continuous_batching: "bool | ContinuousBatchingConfig",
    ) -> None:
        if num_samples < 1:
            raise ConfigError(f"num_samples is {num_samples}; fix: draw at least 1 a question")
        if sampler is not None and continuous_batching:
            raise ConfigError(
                "sampler= draws by itself, and continuous_batching= is for the model in this "
                "process; fix: give one of the two"
            )
        if trainer.processing_class is None:
            raise ConfigError(
                "the trainer has no tokenizer, so questions cannot be asked; fix: pass "
                "processing_class= to the trainer"
            )
        if sampler is None and (trainer.is_fsdp_enabled or _zero3(trainer)):
            raise ConfigError(
                "a sharded model (FSDP, ZeRO-3) cannot be sampled in process; fix: pass sampler= "
                "pointing at a server, or train data-parallel"
            )
        self.trainer = trainer
        self.num_samples = num_samples
        self.sampling = sampling or SamplingParams()
        self.sampler = sampler
        self.batch_size = batch_size
        self.tags = tags
        self.media = media
        self.continuous_batching = continuous_batching
        self.questions = {q.id: q for q in questions}
        processing = trainer.processing_class
        self.tokenizer = (
            processing.tokenizer if isinstance(processing, ProcessorMixin) else processing
        )
        self.prompts = render_prompts(list(self.questions.values()), self.tokenizer, instruction)
        self.outcomes: list[Outcome] = []
        self._scored_step: int | None = None
        self._values = dict.fromkeys(self.keys, math.nan)
        self._say(
            f"each evaluation draws {len(self.prompts)} questions x {num_samples} answers, at "
            f"most {len(self.prompts) * num_samples * self.sampling.max_new_tokens:,} tokens"
        )

    @abstractmethod
    def score(self, outcomes: Sequence[Outcome]) -> dict[str, float]:
        """All of `keys`, from the outcomes of all processes."""

    @abstractmethod
    def picture(self, outcomes: Sequence[Outcome]) -> EvalMedia:
        """What trackers get to see besides numbers."""

    def on_train_begin(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        **kwargs: Any,
    ) -> None:
        """Moves the law callbacks first: early stopping must find the scores in `metrics`."""
        handler = self.trainer.callback_handler
        # A new list: this very event is walking over the old one.
        handler.callbacks = sorted(handler.callbacks, key=lambda c: not isinstance(c, LawCallback))

    def on_evaluate(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        metrics: dict[str, float] | None = None,
        **kwargs: Any,
    ) -> None:
        # One evaluation of several datasets calls this once for each; the model is the same.
        several = isinstance(self.trainer.eval_dataset, Mapping)
        if not (several and self._scored_step == state.global_step):
            self._values = self.measure(kwargs["model"], state.global_step)
            self._scored_step = state.global_step
            # A copy: the trainer adds its own keys to what it logs.
            self.trainer.log(dict(self._values))
            if self.media and self.outcomes and self.trainer.is_world_process_zero():
                self._send_media(state.global_step)
        if metrics is not None:
            metrics.update(self._values)

    def measure(self, model: "PreTrainedModel", step: int = 0) -> dict[str, float]:
        """Draw, grade and score now.

        Args:
            model: sampled in process unless a `sampler` was given.
            step: names the model's state in the samples.

        Returns:
            `keys` → value, the same on every rank; all NaN where any rank failed.
        """
        from accelerate.utils import gather_object

        rank, ranks = self.trainer.args.process_index, self.trainer.args.world_size
        draws = draws_of(self.prompts[rank::ranks], self.num_samples, self.sampling.seed)
        failure: str | None = None
        outcomes: list[Outcome] = []
        with unchanged_rng():
            try:
                sampler = self.sampler or self._in_process(model, f"step-{step}")
                outcomes = run_work(sampler, draws, self.sampling, self.questions)
            except SURVIVED as error:
                failure = " ".join(f"{type(error).__name__}: {error}".split())[:300]
        # Every rank takes part whatever became of it: a missing one would hang the others.
        shares = gather_object([(failure, outcomes)]) if ranks > 1 else [(failure, outcomes)]
        failures = [reason for reason, _ in shares if reason]
        self.outcomes = [o for _, share in shares for o in share]
        if failures:
            self._say(f"no law scores at step {step}: {failures[0]}", logging.WARNING)
            self.outcomes = []  # part of them would make a misleading picture
            return dict.fromkeys(self.keys, math.nan)
        return self.score(self.outcomes)

    def _in_process(self, model: "PreTrainedModel", revision: str) -> Sampler:
        settings: dict[str, Any] = {
            "revision": revision,
            "batch_size": self.batch_size,
            "tags": self.tags,
        }
        if not self.continuous_batching:
            return TransformersSampler(model, self.tokenizer, **settings)
        config = None if self.continuous_batching is True else self.continuous_batching
        return ContinuousBatchingSampler(model, self.tokenizer, config=config, **settings)

    def _send_media(self, step: int) -> None:
        with unchanged_rng():
            trackers = self.trainer.callback_handler.callbacks
            for failure in send_media(trackers, self.picture(self.outcomes), step):
                self._say(failure, logging.WARNING)

    def _say(self, text: str, level: int = logging.INFO) -> None:
        if self.trainer.is_world_process_zero():
            logger.log(level, "%s: %s", type(self).__name__, text)


class CompositionalityCallback(LawCallback):
    """Scores the compositionality laws at every evaluation.

    Example:

    ```python
    trainer.add_callback(CompositionalityCallback(trainer, dataset, num_samples=8))
    ```

    Args:
        trainer (`Trainer`): any transformers or trl trainer with a tokenizer.
        dataset (`Sequence[Composite]` or `datasets.Dataset`): what is asked; a lore-compo dataset
            or composites. Chained composites are left out: they have no place in nMAD.
        num_samples (`int`, defaults to 8): K, answers drawn to each question.
        sampling (`SamplingParams`, *optional*): temperature, budget, seed.
        sampler (`Sampler`, *optional*): draws instead of the model in this process, for instance
            from a server that is given the weights.
        instruction (`str`, *optional*): put after each question.
        limit (`int`, *optional*): the first so many composites only.
        token_budget (`int`, *optional*): keep only as many composites as cannot generate more than
            this at one evaluation.
        batch_size (`int`, defaults to 64): draws decoded at once.
        tags (`ThinkTags`, *optional*): the model's think tags; None counts every token.
        media (`bool`, defaults to True): send a plot and a few traces to TensorBoard, W&B and
            Trackio, where the trainer reports to them.
        continuous_batching (`bool` or `ContinuousBatchingConfig`, defaults to False): draw through
            transformers' continuous batching; the same draws, see [`ContinuousBatchingSampler`].
            `batch_size` is then the number of draws in flight, and a configuration is handed on.

    Raises:
        ConfigError: no independent composite, composites of different numbers of parts, a budget
            too small for one composite, a model that cannot be sampled here, a `sampler` and
            `continuous_batching` together.
    """

    keys = COMPOSITIONALITY_KEYS

    def __init__(
        self,
        trainer: "Trainer",
        dataset: "Sequence[Composite] | Dataset",
        num_samples: int = 8,
        *,
        sampling: SamplingParams | None = None,
        sampler: Sampler | None = None,
        instruction: str | None = None,
        limit: int | None = None,
        token_budget: int | None = None,
        batch_size: int = 64,
        tags: ThinkTags | None = R1_TAGS,
        media: bool = True,
        continuous_batching: "bool | ContinuousBatchingConfig" = False,
    ) -> None:
        composites = composites_of(dataset)[:limit]
        if token_budget is not None and composites:
            most = (sampling or SamplingParams()).max_new_tokens * num_samples
            each = most * len(composites[0].questions)
            composites = composites[: token_budget // each]
            if not composites:
                raise ConfigError(
                    f"token_budget is {token_budget}, but one composite may take {each} tokens; "
                    "fix: a larger budget, or a smaller num_samples or sampling.max_new_tokens"
                )
        if not composites:
            raise ConfigError(
                "there is no independent composite to ask; fix: build some with `hf-lore build "
                "compo`"
            )
        if len(parts := {len(c.parts) for c in composites}) > 1:
            raise ConfigError(
                f"composites have {min(parts)} to {max(parts)} parts; fix: one callback for each"
            )
        self.composites = composites
        super().__init__(
            trainer,
            [q for c in composites for q in c.questions],
            num_samples,
            sampling,
            sampler,
            instruction,
            batch_size,
            tags,
            media,
            continuous_batching,
        )

    def score(self, outcomes: Sequence[Outcome]) -> dict[str, float]:
        return score_composites(self.composites, outcomes, self.num_samples)

    def picture(self, outcomes: Sequence[Outcome]) -> EvalMedia:
        return composite_media(self.composites, outcomes)


class MonotonicityCallback(LawCallback):
    """Scores monotonicity at every evaluation: Spearman's ρ of N against C, and against log A.

    Args:
        trainer, num_samples, sampling, sampler, instruction, batch_size, tags, media,
            continuous_batching: as for [`CompositionalityCallback`].
        dataset (`Mapping[str, Sequence[Question]]` or `datasets.Dataset`): seed question → its
            variants, each with `n_steps`; or a lore-mono dataset.

    Raises:
        ConfigError: fewer than two step counts, a question without `n_steps`.
    """

    keys = MONOTONICITY_KEYS

    def __init__(
        self,
        trainer: "Trainer",
        dataset: "Mapping[str, Sequence[Question]] | Dataset",
        num_samples: int = 8,
        *,
        sampling: SamplingParams | None = None,
        sampler: Sampler | None = None,
        instruction: str | None = None,
        batch_size: int = 64,
        tags: ThinkTags | None = R1_TAGS,
        media: bool = True,
        continuous_batching: "bool | ContinuousBatchingConfig" = False,
    ) -> None:
        self.families = families_of(dataset)
        questions = [q for variants in self.families.values() for q in variants]
        if any(q.n_steps is None for q in questions):
            raise ConfigError("a question has no n_steps; fix: use LORE-Mono questions")
        if len({q.n_steps for q in questions}) < 2:
            raise ConfigError("monotonicity needs at least 2 different n_steps; fix: add variants")
        super().__init__(
            trainer,
            questions,
            num_samples,
            sampling,
            sampler,
            instruction,
            batch_size,
            tags,
            media,
            continuous_batching,
        )

    def score(self, outcomes: Sequence[Outcome]) -> dict[str, float]:
        return score_families(self.families, outcomes, self.num_samples)

    def picture(self, outcomes: Sequence[Outcome]) -> EvalMedia:
        return family_media(self.families, outcomes)


@contextmanager
def unchanged_rng() -> Iterator[None]:
    """Python's, numpy's and torch's global generators as they were, whatever happens inside."""
    import numpy as np

    python_state, numpy_state = random.getstate(), np.random.get_state()  # noqa: NPY002
    try:
        # All devices: `torch.manual_seed`, wherever it is called, seeds them all.
        with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
            yield
    finally:
        random.setstate(python_state)
        np.random.set_state(numpy_state)  # noqa: NPY002


def _zero3(trainer: "Trainer") -> bool:
    plugin = trainer.accelerator.state.deepspeed_plugin
    return plugin is not None and plugin.zero_stage == 3
