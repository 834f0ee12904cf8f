"""`TransformersSampler`: draws from a transformers model in this process, no server needed.

Batches are planned on all the draws of a run: longest prompts first, draws of one question side by
side, `batch_size` at a time. A batch is the unit of work and of loss: it is yielded whole when it
is done, a kill loses the batch in flight, and a resumed run repeats exactly the missing batches, so
on the same machine its samples are those of an undisturbed run, bit for bit. Every draw has its own
noise (see `noise`), so with another `batch_size` or device a trace changes only where float
rounding turns one choice.

Temperature, top_p and top_k are the run's; the model's generation config gives EOS, nothing else.
"""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import ConfigError, MissingExtraError
from .counting import R1_TAGS, ThinkTags, count_from_ids
from .local_model import LocalModel, find_model, load_model, module_hash
from .prompts import load_tokenizer
from .sample import CountMethod, Draw, FinishReason, Sample, SamplingParams, sample_key

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

__all__ = ["TransformersSampler"]


class TransformersSampler:
    """Draws answers from a causal language model in this process.

    Args:
        model (`str`, `Path` or `PreTrainedModel`): a model directory, a Hub name, or a loaded
            module. A module keeps its mode, its configuration and its device.
        tokenizer (`PreTrainedTokenizerBase`, `str` or `Path`, *optional*): defaults to the
            model's own; required with a loaded module.
        revision (`str`, *optional*): for the Hub, a branch, tag or commit. Otherwise the name of
            these weights; defaults to a hash of them. A module is hashed when the sampler is made:
            make a new one, or pass a name, once it has been trained further.
        name (`str`, *optional*): the model's name in samples; defaults to the path or Hub name.
        batch_size (`int`, defaults to 128): draws decoded at once. Memory grows with
            batch_size × trace length.
        device (`str` or `torch.device`, *optional*): defaults to CUDA where there is one; read
            only where `model` is loaded here.
        dtype (`torch.dtype`, *optional*): defaults to float32 on the CPU and as saved elsewhere.
        tags (`ThinkTags`, *optional*, defaults to `<think>` and `</think>`): None counts every
            completion token as reasoning, for models without tags.

    Raises:
        ConfigError: a directory without model, weights or tokenizer; a batch_size below 1; a
            module without tokenizer.
        MissingExtraError: torch or transformers is not installed.
    """

    def __init__(
        self,
        model: "str | Path | PreTrainedModel",
        tokenizer: "PreTrainedTokenizerBase | str | Path | None" = None,
        *,
        revision: str | None = None,
        name: str | None = None,
        batch_size: int = 128,
        device: "str | torch.device | None" = None,
        dtype: "torch.dtype | None" = None,
        tags: ThinkTags | None = R1_TAGS,
    ) -> None:
        try:
            import torch
            import transformers  # noqa: F401
        except ImportError as e:
            raise MissingExtraError("transformers", "transformers") from e
        if batch_size < 1:
            raise ConfigError(f"batch_size is {batch_size}; fix: at least 1")
        self._module: PreTrainedModel | None = None
        self._found: LocalModel | None = None
        if isinstance(model, str | Path):
            self._found = find_model(model, revision)
            self._name, self._revision = name or str(model), self._found.revision
            tokenizer = model if tokenizer is None else tokenizer
        else:
            if tokenizer is None:
                raise ConfigError(
                    "a loaded model comes without its tokenizer; fix: pass tokenizer= as well"
                )
            self._module = model
            self._name = name or str(model.config.name_or_path) or type(model).__name__
            self._revision = revision or module_hash(model)
        if isinstance(tokenizer, str | Path):
            commit = self._found.commit if self._found and tokenizer == model else None
            self._tokenizer: PreTrainedTokenizerBase = load_tokenizer(tokenizer, commit)
        else:
            self._tokenizer = tokenizer
        self._batch_size = batch_size
        self._device = device or ("cuda" if torch.cuda.is_available() else "cpu")
        self._dtype = dtype
        self._tags = tags

    @property
    def model(self) -> str:
        return self._name

    @property
    def revision(self) -> str:
        return self._revision

    @property
    def count_method(self) -> CountMethod:
        return "ids"

    @property
    def tokenizer(self) -> "PreTrainedTokenizerBase":
        """What prompts for this model are rendered with (see `render_prompts`)."""
        return self._tokenizer

    def sample(
        self, draws: Sequence[Draw], params: SamplingParams, done: frozenset[str] = frozenset()
    ) -> Iterator[Iterable[Sample]]:
        """Yields each batch once it is done; see `Sampler.sample`.

        Args:
            draws: all the run's draws, those in `done` included: batches are planned on them, so
                leaving some out changes which draws share a batch.
            params: shared by all draws.
            done: keys already held. A batch wholly in it is skipped, any other is drawn whole and
                only what is missing is yielded.
        """
        keys = [
            sample_key(d.prompt.question_id, self.model, self.revision, params.hash, d.number)
            for d in draws
        ]
        if all(k in done for k in keys):
            return
        module = self._loaded()
        context = _context_tokens(module)
        fits = [context is None or len(d.prompt.token_ids) < context for d in draws]
        too_long = [
            self._sample(d, key, params, [], "context")
            for d, key, fit in zip(draws, keys, fits, strict=True)
            if not fit and key not in done
        ]
        if too_long:
            yield too_long
        # Longest first: padding is least, and what runs out of memory does so at once.
        plan = sorted(
            (i for i, fit in enumerate(fits) if fit),
            key=lambda i: (
                -len(draws[i].prompt.token_ids),
                draws[i].prompt.question_id,
                draws[i].number,
            ),
        )
        for start in range(0, len(plan), self._batch_size):
            batch = plan[start : start + self._batch_size]
            if any(keys[i] not in done for i in batch):
                samples = self._draw(module, [(draws[i], keys[i]) for i in batch], params, context)
                yield [s for s in samples if s.key not in done]

    def _loaded(self) -> "PreTrainedModel":
        if self._module is None:
            assert self._found is not None
            self._module = load_model(self._found, self._device, self._dtype)
        return self._module

    def _draw(
        self,
        module: "PreTrainedModel",
        batch: Sequence[tuple[Draw, str]],
        params: SamplingParams,
        context: int | None,
    ) -> list[Sample]:
        from .decode import DrawRow, decode_batch

        room = params.max_new_tokens
        rows = [
            DrawRow(
                d.prompt.token_ids,
                d.seed,
                room if context is None else min(room, context - len(d.prompt.token_ids)),
            )
            for d, _ in batch
        ]
        eos_ids = _eos_ids(module, self._tokenizer)
        pad_id = self._tokenizer.pad_token_id
        drawn = decode_batch(module, rows, params, eos_ids, 0 if pad_id is None else pad_id)
        return [
            self._sample(d, key, params, ids, "stop" if ids[-1] in eos_ids else "length")
            for (d, key), ids in zip(batch, drawn, strict=True)
        ]

    def _sample(
        self,
        draw: Draw,
        key: str,
        params: SamplingParams,
        ids: list[int],
        finish_reason: FinishReason,
    ) -> Sample:
        stopped = finish_reason == "stop"
        text = self._tokenizer.decode(
            ids[:-1] if stopped else ids,
            skip_special_tokens=False,
            clean_up_tokenization_spaces=False,
        )
        counted = None
        if finish_reason != "context":
            body = ids[:-1] if stopped else ids
            counted = count_from_ids(
                body, self._tags, self._tokenizer, draw.prompt.text, finished=stopped
            )
        return Sample(
            key=key,
            question_id=draw.prompt.question_id,
            model=self.model,
            revision=self.revision,
            params_hash=params.hash,
            draw=draw.number,
            seed=draw.seed,
            text=str(text),
            token_ids=tuple(ids),
            n_tokens=len(ids),
            reasoning_tokens=counted,
            count_method=self.count_method,
            finish_reason=finish_reason,
        )


def _context_tokens(module: "PreTrainedModel") -> int | None:
    """Positions the model has, prompt and completion together; None where it states no limit."""
    config = module.config.get_text_config()
    limit: int | None = getattr(config, "max_position_embeddings", None)
    return limit


def _eos_ids(module: "PreTrainedModel", tokenizer: "PreTrainedTokenizerBase") -> list[int]:
    """Every id that ends a trace: the generation config's and the tokenizer's."""
    stated = module.generation_config.eos_token_id
    ids = stated if isinstance(stated, list) else [stated]
    return sorted({i for i in (*ids, tokenizer.eos_token_id) if i is not None})
