"""`ContinuousBatchingSampler`: draws in this process by transformers' own continuous batching.

A draw that ends makes room for the next one at once, keys and values lie in pages, and prompts and
traces of any length share a forward pass: no batch waits for its longest trace. Samples come in the
order in which they end.

What is drawn is what `TransformersSampler` draws, on any schedule and any number of processes, but
where float rounding turns one choice: every draw has its own noise (see `noise`), and no global
generator is moved.
"""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import ConfigError
from .counting import R1_TAGS, ThinkTags
from .in_process import TransformersSampler, _context_tokens, _eos_ids
from .sample import Draw, FinishReason, Sample, SamplingParams, sample_key

if TYPE_CHECKING:
    import torch
    from transformers import ContinuousBatchingConfig, PreTrainedModel, PreTrainedTokenizerBase

__all__ = ["ContinuousBatchingSampler"]

# The release whose manager `continuous_engine` was written against.
_OLDEST_TRANSFORMERS = "5.23"


class ContinuousBatchingSampler(TransformersSampler):
    """Draws answers from a causal language model by transformers' continuous batching.

    The model is left as it came: modes and attention implementation are restored, the memory of
    the cache is given back, also when generating fails or the caller stops early.

    Args:
        model, tokenizer, revision, name, device, dtype, tags: as for [`TransformersSampler`].
        batch_size (`int`, defaults to 64): draws in flight at once.
        config (`ContinuousBatchingConfig`, *optional*): transformers' own settings, taken as they
            are, `batch_size` left aside. By default the cache holds `batch_size` of the longest
            draws; on a GPU with less memory free, as much as there is, and draws wait or are begun
            again from the tokens they have.

    Raises:
        ConfigError: as for [`TransformersSampler`]; transformers is older than 5.23; when drawing,
            a model or an attention implementation that cannot be batched so, or too little memory.
    """

    def __init__(
        self,
        model: "str | Path | PreTrainedModel",
        tokenizer: "PreTrainedTokenizerBase | str | Path | None" = None,
        *,
        revision: str | None = None,
        name: str | None = None,
        batch_size: int = 64,
        device: "str | torch.device | None" = None,
        dtype: "torch.dtype | None" = None,
        tags: ThinkTags | None = R1_TAGS,
        config: "ContinuousBatchingConfig | None" = None,
    ) -> None:
        super().__init__(
            model,
            tokenizer,
            revision=revision,
            name=name,
            batch_size=batch_size,
            device=device,
            dtype=dtype,
            tags=tags,
        )
        import transformers
        from packaging.version import Version

        if Version(transformers.__version__) < Version(_OLDEST_TRANSFORMERS):
            raise ConfigError(
                f"continuous batching needs transformers {_OLDEST_TRANSFORMERS}, and "
                f"{transformers.__version__} is installed; fix: pip install -U transformers, or "
                "sample without it"
            )
        self._config = config

    def sample(
        self, draws: Sequence[Draw], params: SamplingParams, done: frozenset[str] = frozenset()
    ) -> Iterator[Iterable[Sample]]:
        """Yields each sample when its trace ends; see `Sampler.sample`.

        Raises:
            RuntimeError: generating failed, out of memory for instance; what was yielded holds.
        """
        keyed = [
            (d, sample_key(d.prompt.question_id, self.model, self.revision, params.hash, d.number))
            for d in draws
        ]
        owed = [(d, key) for d, key in keyed if key not in done]
        if not owed:
            return
        from .continuous_engine import Request, generate

        module = self._loaded()
        context, budget = _context_tokens(module), params.max_new_tokens
        work: list[tuple[Draw, str, int]] = []
        too_long: list[Sample] = []
        for draw, key in owed:
            room = budget if context is None else context - len(draw.prompt.token_ids)
            if room > 0:
                work.append((draw, key, min(room, budget)))
            else:
                too_long.append(self._sample(draw, key, params, [], "context"))
        if too_long:
            yield too_long
        # Longest prompts first: what runs out of memory does so at once.
        work.sort(key=lambda w: (-len(w[0].prompt.token_ids), w[0].prompt.question_id, w[0].number))
        eos_ids = _eos_ids(module, self._tokenizer)
        requests = [Request(d.prompt.token_ids, d.seed, room) for d, _, room in work]
        for i, ids in generate(module, requests, params, eos_ids, self._batch_size, self._config):
            finish: FinishReason = "stop" if ids[-1] in eos_ids else "length"
            yield [self._sample(*work[i][:2], params, ids, finish)]
