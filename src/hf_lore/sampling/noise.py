"""Counter-based noise: what is drawn is a function of (seed of the draw, position, token), alone.

A sampled token is the argmax of log-probability plus Gumbel noise, and the noise of token v at
position t of a draw is a 64-bit hash of (seed, t, v) (two rounds of SplitMix64's finaliser; Steele,
Lea and Flood, OOPSLA 2014). Nothing is carried from one position, row or batch to the next, so
neither the order of work nor a resume changes a draw, and no global generator is touched.

Why Gumbel and not the inverse of the cumulative distribution, which needs one number a position
and not one a token: under a rounding error e of the logits the argmax changes with probability of
the order of the total variation distance, which is the least any coupling can reach, where the
inverse CDF changes whenever one of the V shifted boundaries passes the uniform. With V = 300 and
independent errors it was measured to change 6 to 20 times as often.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

__all__ = ["gumbel_noise", "position_keys", "seed_tensor"]


def _signed(value: int) -> int:
    """The int64 with the bits of an unsigned 64-bit constant: torch has no uint64 arithmetic."""
    return value - (1 << 64) if value >= 1 << 63 else value


_STEP_POSITION = _signed(0x9E3779B97F4A7C15)
_STEP_TOKEN = _signed(0xD1B54A32D192ED03)
_MULTIPLIERS = (_signed(0xBF58476D1CE4E5B9), _signed(0x94D049BB133111EB))


def _finalise(z: "torch.Tensor") -> "torch.Tensor":
    """SplitMix64's finaliser, in place. The masks make int64's arithmetic shift a logical one."""
    z ^= (z >> 30).bitwise_and_((1 << 34) - 1)
    z *= _MULTIPLIERS[0]
    z ^= (z >> 27).bitwise_and_((1 << 37) - 1)
    z *= _MULTIPLIERS[1]
    z ^= (z >> 31).bitwise_and_((1 << 33) - 1)
    return z


def seed_tensor(seeds: Sequence[int], device: "torch.device | str") -> "torch.Tensor":
    """Seeds of up to 64 bits as int64, shape [rows]."""
    import torch

    return torch.tensor([_signed(s & (1 << 64) - 1) for s in seeds], device=device)


def position_keys(seeds: "torch.Tensor", position: int) -> "torch.Tensor":
    """One key a row for the token at `position` (from 0) of each draw; int64, shape [rows]."""
    return _finalise(seeds + _signed((position + 1) * _STEP_POSITION & (1 << 64) - 1))


def gumbel_noise(keys: "torch.Tensor", vocab_size: int) -> "torch.Tensor":
    """Standard Gumbel noise, float64, shape [rows, vocab_size].

    Args:
        keys: from `position_keys`, int64, shape [rows].
    """
    import torch

    tokens = torch.arange(1, vocab_size + 1, device=keys.device) * _STEP_TOKEN
    bits = _finalise(keys[:, None] + tokens)
    # 52 bits and a half: strictly inside (0, 1) and exact in float64, so both logarithms are
    # finite.
    uniform = (bits >> 12).bitwise_and_((1 << 52) - 1).double().add_(0.5).mul_(2.0**-52)
    return uniform.log_().neg_().log_().neg_()
