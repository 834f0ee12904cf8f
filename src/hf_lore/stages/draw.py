"""Making a run directory, and drawing the samples it still owes."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..adaptive import AdaptiveK, owed_draws
from ..errors import ConfigError
from ..question_table import Items, are_composites
from ..run import Manifest, Run, questions_hash
from ..sampling.collect import CollectStats, collect_samples
from ..sampling.prompts import render_prompts, tokenizer_hash
from ..sampling.sample import Sampler, SamplingParams
from ..sampling.store import SampleStore, shard_of
from .grade import stored_verdicts, verify

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

__all__ = ["sample", "start_run"]


def start_run(
    path: Path,
    items: Items,
    sampler: Sampler,
    tokenizer: "PreTrainedTokenizerBase",
    params: SamplingParams,
    num_samples: int,
    *,
    instruction: str | None = None,
    built: dict[str, Any] | None = None,
    adaptive: AdaptiveK | None = None,
    num_shards: int = 1,
) -> Run:
    """Make a run directory for these settings, or go on with the one that is there.

    Args:
        items: composites, or plain questions.
        num_samples: K; with `adaptive`, the most that is drawn.
        num_shards: files to spread samples over, so that as many processes can draw at once.

    Raises:
        RunMismatchError: the directory was made by other settings.
        ConfigError: nothing to ask, K below 1, or plain questions with an adaptive K.
    """
    manifest = Manifest(
        questions=questions_hash(items),
        model=sampler.model,
        revision=sampler.revision,
        tokenizer=tokenizer_hash(tokenizer),
        count_method=sampler.count_method,
        instruction=instruction,
        params=params,
        num_samples=num_samples,
        tokenizer_source=str(tokenizer.name_or_path),
        built=built or {},
        adaptive=adaptive,
        num_shards=num_shards,
    )
    if adaptive is not None and not are_composites(items):
        raise ConfigError(
            "an adaptive K looks for triples that fit, and plain questions have none; fix: a "
            "question set of composites, or a fixed K"
        )
    return Run.create(path, manifest, items)


def sample(
    run: Run,
    sampler: Sampler,
    tokenizer: "PreTrainedTokenizerBase",
    *,
    shard: int | None = None,
    progress: bool | None = None,
) -> CollectStats:
    """Draw what the run still owes. A kill costs what was in flight; run it again.

    Args:
        shard: draw for the questions of this shard alone, beside other processes.
    """
    manifest = run.manifest
    # Of several tasks each holds the questions of its own shard only.
    questions = {
        q.id: q
        for q in run.each_question()
        if shard is None or shard_of(q.id, manifest.num_shards) == shard
    }
    prompts = render_prompts(list(questions.values()), tokenizer, manifest.asked)
    total: CollectStats | None = None
    if manifest.adaptive is not None and (run.samples / "store.json").exists():
        verify(run, progress=progress)  # what a killed round drew
    while True:
        owed = manifest.num_samples if manifest.adaptive is None else owed_by(run)
        with SampleStore(
            run.samples, manifest.fingerprint, num_shards=manifest.num_shards, shard=shard
        ) as store:
            stats = collect_samples(
                sampler,
                store,
                prompts,
                num_samples=owed,
                params=manifest.params,
                progress=progress,
            )
        total = stats if total is None else total + stats
        if isinstance(owed, int) or not owed:
            return total
        verify(run, progress=progress)


def owed_by(run: Run) -> dict[str, range]:
    """Draws that an adaptive run still owes, from its samples and their verdicts."""
    outcomes: dict[str, list[int | None]] = {}
    if run.verdicts.exists():
        right = {v.sample_key: v.status == "correct" for v in stored_verdicts(run)}
        with SampleStore(run.samples, run.manifest.fingerprint, read_only=True) as samples:
            for drawn in samples:
                made = outcomes.setdefault(drawn.question_id, [])
                if drawn.draw == len(made) and drawn.key in right:
                    made.append(drawn.reasoning_tokens if right[drawn.key] else None)
    assert run.manifest.adaptive is not None
    return owed_draws(run.composites(), outcomes, run.manifest.num_samples, run.manifest.adaptive)
