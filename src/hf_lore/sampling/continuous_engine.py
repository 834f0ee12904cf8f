"""Drives transformers' continuous batching: what a model generates for requests, as they end.

The manager runs the model in a thread of its own, and is driven by its public calls. Two of its
parts are replaced: the processors of the logits, which here bring each draw's noise, and the update
of the cache. Written against transformers 5.23.
"""

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from math import ceil
from typing import Any, NamedTuple

import torch
from transformers import (
    ContinuousBatchingConfig,
    GenerationConfig,
    LogitsProcessorList,
    PreTrainedModel,
)
from transformers.generation.continuous_batching.cb_logits_processors import (
    ContinuousBatchingLogitsProcessorList,
)

from ..errors import ConfigError
from .noise import gumbel_noise, position_keys, seed_tensor
from .sample import SamplingParams

__all__ = ["Request", "generate"]

# Tokens of one forward pass where no configuration is given; prompts are fed in pieces of it. The
# mask of attention without flash has this many rows, and a column for each token of the cache.
_BATCH_TOKENS = 256
_PAGE_TOKENS = 256


class Request(NamedTuple):
    """One draw as the engine needs it; `budget` is in tokens, EOS included, and at least 1."""

    prompt_ids: tuple[int, ...]
    seed: int
    budget: int


def generate(
    model: PreTrainedModel,
    requests: Sequence[Request],
    params: SamplingParams,
    eos_ids: Sequence[int],
    batch_size: int,
    config: ContinuousBatchingConfig | None,
) -> Iterator[tuple[int, list[int]]]:
    """Draw one completion a request.

    Args:
        batch_size: requests in flight at once, where no `config` is given.
        params: temperature, top_p and top_k. The model's generation config is not read.
        config: taken as it is; None sizes the cache by the requests.

    Yields:
        Index and ids of each request, EOS included where it was drawn, in the order of their ends.

    Raises:
        ConfigError: the model cannot be batched so, or there is no memory for its requests.
        RuntimeError: generating failed; whatever else the thread that generates died of.
    """
    if not requests:
        return
    left = len(requests)
    with _unchanged(model), _silent_library():
        manager = _start(model, requests, params, batch_size, config)
        error: str | None = None
        try:
            for i, request in enumerate(requests):
                manager.add_request(
                    list(request.prompt_ids),
                    request_id=str(i),
                    max_new_tokens=request.budget,
                    eos_token_id=list(eos_ids),
                    seed=request.seed,
                    prompt_tokens=len(request.prompt_ids),
                )
            while left:
                result = manager.get_result(timeout=1)
                if result is None and manager.is_running():
                    continue
                if result is None or result.error is not None:
                    error = "the thread that generates ended" if result is None else result.error
                    break
                left -= 1
                yield int(result.request_id), result.generated_tokens
        finally:
            manager.stop(hard_stop=left > 0)
            manager.destroy()
        if error is not None:
            # The exception of the other thread, so that a bug keeps its traceback.
            raise manager.background_thread_status.fatal_error or RuntimeError(error)


def _start(
    model: PreTrainedModel,
    requests: Sequence[Request],
    params: SamplingParams,
    batch_size: int,
    config: ContinuousBatchingConfig | None,
) -> Any:
    """A running manager whose cache holds the longest of `requests`."""
    lengths = sorted((len(r.prompt_ids) + r.budget for r in requests), reverse=True)
    if config is not None:
        manager = _manager(model, params, config)
    else:
        blocks = sum(ceil(n / _PAGE_TOKENS) for n in lengths[:batch_size])
        try:
            manager = _manager(model, params, _default_config(model, batch_size, blocks))
        except MemoryError as error:
            # Left to itself, transformers takes what is free on a GPU, but of a computer's memory
            # more than half, whatever else runs on it.
            if model.device.type == "cpu":
                raise ConfigError(
                    f"no memory for a cache of {batch_size} draws: {error}; fix: a smaller "
                    "batch_size or max_new_tokens"
                ) from error
            manager = _manager(model, params, _default_config(model, batch_size, None))
    settings = manager.continuous_batching_config
    if (room := settings.num_blocks * settings.page_size) < lengths[0]:
        raise ConfigError(
            f"the cache holds {room} tokens, and one draw may take {lengths[0]} with its prompt; "
            "fix: more num_blocks, more free memory, or a smaller max_new_tokens"
        )
    manager.start()
    return manager


def _manager(
    model: PreTrainedModel, params: SamplingParams, config: ContinuousBatchingConfig
) -> Any:
    """A manager with its cache made, not yet running.

    Raises:
        ConfigError: the model or its attention implementation cannot be batched continuously.
        MemoryError: no room for the cache asked for.
    """
    generation = GenerationConfig(
        do_sample=True,
        temperature=params.temperature,
        top_p=params.top_p,
        top_k=params.top_k or 0,  # None would mean transformers' default
        eos_token_id=-1,  # each request brings its own
        max_new_tokens=1,
    )
    # Making the cache seeds torch's generators, those of all devices.
    with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
        try:
            manager = model.init_continuous_batching(generation, config)
            # The warpers are those of a sampling run; the choice is the largest score with noise.
            manager.logit_processor = _SeededProcessors(manager.logit_processor.logits_processor)
            generation.do_sample = False
            manager.warmup()
        except ValueError as error:
            reason = " ".join(str(error).split())
            raise ConfigError(
                f"{type(model).__name__} cannot be batched continuously: {reason}; fix: sample "
                "without continuous batching"
            ) from error
    _cast_to_cache(manager.batch_processor.cache)
    return manager


def _default_config(
    model: PreTrainedModel, batch_size: int, blocks: int | None
) -> ContinuousBatchingConfig:
    # Weights in float32 may be run under autocast, where neither a recorded graph nor a kernel that
    # writes the cache itself would find the cache's own dtype.
    half = model.dtype in (torch.float16, torch.bfloat16)
    return ContinuousBatchingConfig(
        page_size=_PAGE_TOKENS,
        num_blocks=blocks,
        max_batch_tokens=max(_BATCH_TOKENS, batch_size),
        max_requests_per_batch=batch_size,
        max_blocks_per_request=None if half else 0,
        use_cuda_graph=None if half else False,
        # No draw need wait for pages that are there for it.
        safety_margin=0.0 if blocks else None,
        # The attention that the model is trained with, and nothing fetched from the Hub.
        auto_switch_to_flash=False,
        # Else it sets an environment variable for all of the training's communication.
        disable_nccl_graph_mixing=False,
    )


class _SeededProcessors(ContinuousBatchingLogitsProcessorList):
    """`warpers`, then each draw's own noise, after which the largest score is the draw.

    Left alone, transformers would draw from torch's global generator in the order of its schedule.
    """

    def __init__(self, warpers: LogitsProcessorList) -> None:
        super().__init__(warpers)
        self.tensors_required = 2  # rows of int32: the halves of each draw's 64-bit key
        self.supported_keys = {"seed": int, "prompt_tokens": int}
        self.do_processing = True

    def fill_defaults(self, int32_tensor: torch.Tensor) -> None:
        int32_tensor.zero_()

    def prepare_tensor_args(
        self, requests_in_batch: Sequence[Any], arg_storage: torch.Tensor
    ) -> torch.Tensor:
        keys = []
        for state in (r.state for r in requests_in_batch if r.has_new_token):
            # Counted from what was fed, which stays right when a request is begun again with its
            # own tokens as part of the prompt.
            given = state.logit_processor_kwargs or {"seed": 0, "prompt_tokens": 0}  # a warm-up
            position = state.position_offset - given["prompt_tokens"]
            keys.append(position_keys(seed_tensor([given["seed"]], "cpu"), position))
        if keys:
            halves = torch.cat(keys).view(torch.int32).view(-1, 2).T
            arg_storage[:, : len(keys)] = halves.to(arg_storage.device)
        return arg_storage

    def __call__(
        self, input_ids: torch.Tensor, scores: torch.Tensor, logits_processors_args: torch.Tensor
    ) -> torch.Tensor:
        for warper in self.logits_processor:
            scores = warper(input_ids, scores)
        halves = logits_processors_args[:, : len(scores)]
        keys = halves.T.contiguous().view(torch.int64).squeeze(-1)
        return gumbel_noise(keys, scores.shape[-1]).add_(scores)


def _cast_to_cache(cache: Any) -> None:
    """Have keys and values cast to the cache's dtype: under autocast they come in another one."""
    update: Callable[..., Any] = cache.update

    def casting(
        key_states: torch.Tensor, value_states: torch.Tensor, **more: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        return update(
            key_states=key_states.to(cache.dtype), value_states=value_states.to(cache.dtype), **more
        )

    cache.update = casting


@contextmanager
def _unchanged(model: PreTrainedModel) -> Iterator[None]:
    """Modes and attention implementations as they were: the manager changes both, and where it
    fails early restores neither."""
    modes = [(m, m.training) for m in model.modules()]
    configs = {id(m.config): m.config for m, _ in modes if hasattr(m, "config")}.values()
    implementations = [(c, getattr(c, "_attn_implementation_internal", None)) for c in configs]
    try:
        yield
    finally:
        for module, training in modes:
            module.training = training
        for config, implementation in implementations:
            if hasattr(config, "_attn_implementation_internal"):
                config._attn_implementation_internal = implementation


@contextmanager
def _silent_library() -> Iterator[None]:
    """transformers logs a failure with its traceback before this module raises it."""
    logger = logging.getLogger("ContinuousBatchingLogger")
    level = logger.level
    logger.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        logger.setLevel(level)
