"""Decode one batch of draws with a causal language model: prefill, then token by token.

Rows are left-padded, draws of one question share its prefill, and rows that end leave the batch.
Which token is chosen depends on the draw's seed and position only (see `noise`); the batch it runs
in changes the logits by float rounding alone.
"""

import inspect
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from ..errors import ConfigError
from .kv_cache import BufferedCache
from .noise import gumbel_noise, position_keys, seed_tensor
from .sample import SamplingParams

if TYPE_CHECKING:
    from transformers import LogitsProcessorList

__all__ = ["DrawRow", "decode_batch"]

# Rows are dropped once this share of the batch has ended: each time costs a few calls a layer.
_DROP_SHARE = 1 / 16


@dataclass(frozen=True, slots=True)
class DrawRow:
    """One draw as the loop needs it; `budget` is in tokens, EOS included, and at least 1."""

    prompt_ids: tuple[int, ...]
    seed: int
    budget: int


def decode_batch(
    model: torch.nn.Module,
    rows: Sequence[DrawRow],
    params: SamplingParams,
    eos_ids: Sequence[int],
    pad_id: int,
) -> list[list[int]]:
    """Draw one completion a row.

    Args:
        model: any transformers causal language model; left in the state it came in.
        rows: at least one; rows with equal `prompt_ids` share a prefill.
        params: temperature, top_p and top_k, applied by transformers' own warpers. The model's
            generation config is not read.
        pad_id: any valid id; masked.

    Returns:
        The ids drawn for each row, in order, EOS included where it was drawn.

    Raises:
        ConfigError: the model's logits are not numbers.
    """
    with torch.no_grad(), _evaluating(model):
        return _decode(model, rows, params, eos_ids, pad_id)


@contextmanager
def _evaluating(model: torch.nn.Module) -> Iterator[None]:
    """Evaluation mode, then each module's own mode again: some may be frozen in another."""
    modes = [(m, m.training) for m in model.modules()]
    model.eval()
    try:
        yield
    finally:
        for module, training in modes:
            module.training = training


def _decode(
    model: Any,
    rows: Sequence[DrawRow],
    params: SamplingParams,
    eos_ids: Sequence[int],
    pad_id: int,
) -> list[list[int]]:
    device = next(model.parameters()).device
    step = _Step(model)
    warpers = _warpers(params)
    place = {p: i for i, p in enumerate(dict.fromkeys(r.prompt_ids for r in rows))}
    prompts = list(place)
    prompt_of_row = torch.tensor([place[r.prompt_ids] for r in rows], device=device)
    logits, mask = step.prefill(prompts, pad_id, device)
    if torch.isnan(logits).any():
        raise ConfigError(
            "the model's logits are not numbers for some prompt; fix: check its weights, or load "
            "it in another dtype (float32 or bfloat16)"
        )
    logits = logits[prompt_of_row]
    step.cache.select(prompt_of_row)
    mask = mask[prompt_of_row]
    positions = mask.sum(1)  # of the token about to be fed, int64, [rows]
    width = mask.shape[1]
    mask = torch.cat([mask, mask.new_ones(len(rows), _room(rows, 256))], dim=1)

    seeds = seed_tensor([r.seed for r in rows], device)
    budgets = np.array([r.budget for r in rows])
    is_eos = np.zeros(logits.shape[-1], dtype=bool)
    is_eos[[i for i in eos_ids if i < len(is_eos)]] = True
    row_of = np.arange(len(rows))  # which draw each row of the running batch is
    running = np.ones(len(rows), dtype=bool)
    drawn = np.full((len(rows), _room(rows, 256)), -1, dtype=np.int32)
    lengths = np.zeros(len(rows), dtype=np.int64)

    for position in range(int(budgets.max())):
        scores = warpers(None, logits.float() / params.temperature)
        noise = gumbel_noise(position_keys(seeds, position), scores.shape[-1])
        tokens = noise.add_(scores).argmax(-1)
        chosen = tokens.cpu().numpy()

        if position == drawn.shape[1]:
            drawn = np.concatenate([drawn, np.full_like(drawn, -1)], axis=1)
        drawn[row_of[running], position] = chosen[running]
        ended = running & (is_eos[chosen] | (position + 1 >= budgets[row_of]))
        lengths[row_of[ended]] = position + 1
        running &= ~ended
        if not running.any():
            break
        if (~running).sum() >= _DROP_SHARE * len(running):
            order = _closed_up(running)
            index = torch.from_numpy(order).to(device)
            moved = np.flatnonzero(order != np.arange(len(order)))
            step.cache.drop(torch.from_numpy(moved).to(device), index[moved], index)
            tokens, positions, seeds, mask = (t[index] for t in (tokens, positions, seeds, mask))
            row_of, running = row_of[order], running[order]

        width += 1
        if width > mask.shape[1]:
            mask = torch.cat([mask, mask.new_ones(len(mask), mask.shape[1])], dim=1)
        logits = step.forward(tokens[:, None], mask[:, :width], positions[:, None])
        positions = positions + 1
    return [drawn[i, :n].tolist() for i, n in enumerate(lengths)]


def _room(rows: Sequence[DrawRow], at_most: int) -> int:
    return min(max(r.budget for r in rows), at_most)


def _closed_up(running: np.ndarray) -> np.ndarray:
    """The rows to keep, with the holes before the end filled by the last running rows."""
    n = int(running.sum())
    order = np.arange(n)
    order[~running[:n]] = np.flatnonzero(running[n:]) + n
    return order


def _warpers(params: SamplingParams) -> "LogitsProcessorList":
    """Nucleus and top-k as transformers has them, in its order; temperature is divided before."""
    from transformers import LogitsProcessorList, TopKLogitsWarper, TopPLogitsWarper

    warpers = LogitsProcessorList()
    if params.top_k is not None:
        warpers.append(TopKLogitsWarper(params.top_k))
    if params.top_p < 1:
        warpers.append(TopPLogitsWarper(params.top_p))
    return warpers


class _Step:
    """Calls the model with its cache, passing only what its `forward` knows."""

    def __init__(self, model: Any) -> None:
        self.model = model
        self.cache = BufferedCache(model.config)
        parameters = inspect.signature(model.forward).parameters
        open_ended = any(p.kind is p.VAR_KEYWORD for p in parameters.values())
        if "past_key_values" not in parameters and not open_ended:
            raise ConfigError(
                f"{type(model).__name__} keeps no key-value cache, so it cannot be sampled in "
                "process; fix: serve it, and sample through the server"
            )
        self._takes_positions = "position_ids" in parameters or open_ended
        self._takes_logits_to_keep = "logits_to_keep" in parameters

    def prefill(
        self, prompts: Sequence[tuple[int, ...]], pad_id: int, device: torch.device
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Logits after each prompt, [prompts, vocab], and the mask, bool, [prompts, width]."""
        width = max(map(len, prompts))
        ids = torch.tensor([[pad_id] * (width - len(p)) + list(p) for p in prompts])
        lengths = torch.tensor([len(p) for p in prompts])
        mask = (torch.arange(width) >= width - lengths[:, None]).to(device)
        positions = (mask.cumsum(1) - 1).clamp(min=0)
        return self.forward(ids.to(device), mask, positions), mask

    def forward(
        self, ids: torch.Tensor, mask: torch.Tensor, positions: torch.Tensor
    ) -> torch.Tensor:
        extra: dict[str, Any] = {}
        if self._takes_positions:
            extra["position_ids"] = positions
        if self._takes_logits_to_keep:
            extra["logits_to_keep"] = 1
        out = self.model(
            input_ids=ids,
            attention_mask=mask,
            past_key_values=self.cache,
            use_cache=True,
            **extra,
        )
        logits: torch.Tensor = out.logits[:, -1]
        return logits
