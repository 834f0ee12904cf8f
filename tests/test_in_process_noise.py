"""The noise: uniform, independent, reproducible; and the sampled distribution is the softmax."""

import math

import numpy as np
import torch
from scipy import stats

from hf_lore.sampling.noise import gumbel_noise, position_keys, seed_tensor
from hf_lore.sampling.sample import draw_seed

MASK = (1 << 64) - 1


def finalise(z):
    """SplitMix64's finaliser in plain integers."""
    z = ((z ^ z >> 30) * 0xBF58476D1CE4E5B9) & MASK
    z = ((z ^ z >> 27) * 0x94D049BB133111EB) & MASK
    return z ^ z >> 31


def test_equals_the_plain_integer_formula():
    seeds = [0, 1, 2**63 - 1, draw_seed(0, "q", 0)]
    noise = gumbel_noise(position_keys(seed_tensor(seeds, "cpu"), 7), 5)
    for row, seed in enumerate(seeds):
        key = finalise((seed + 8 * 0x9E3779B97F4A7C15) & MASK)
        for token in range(5):
            bits = finalise((key + (token + 1) * 0xD1B54A32D192ED03) & MASK)
            uniform = ((bits >> 12) + 0.5) * 2.0**-52
            assert math.isclose(noise[row, token].item(), -math.log(-math.log(uniform)))


def test_finaliser_is_splitmix64():
    # The first outputs of SplitMix64 seeded with 0 and with 1234567, as its reference program
    # prints them.
    assert finalise(0x9E3779B97F4A7C15) == 0xE220A8397B1DCDAF
    assert finalise((1234567 + 0x9E3779B97F4A7C15) & MASK) == 6457827717110365317


def test_uniform_over_tokens_positions_and_seeds():
    seeds = seed_tensor([draw_seed(0, f"q{i}", 0) for i in range(200)], "cpu")
    noise = torch.stack([gumbel_noise(position_keys(seeds, t), 50) for t in range(20)])
    uniform = torch.exp(-torch.exp(-noise)).numpy()  # [position, seed, token]
    assert stats.kstest(uniform.ravel(), "uniform").pvalue > 1e-3
    for axis in range(3):  # neighbours along each axis are uncorrelated: |r| < 4 / sqrt(n)
        a = np.delete(uniform, -1, axis).ravel()
        b = np.delete(uniform, 0, axis).ravel()
        assert abs(np.corrcoef(a, b)[0, 1]) < 4 / math.sqrt(a.size)


def test_neighbouring_seeds_and_positions_share_nothing():
    near = gumbel_noise(position_keys(seed_tensor(list(range(4)), "cpu"), 0), 64)
    later = gumbel_noise(position_keys(seed_tensor(list(range(4)), "cpu"), 1), 64)
    assert len(torch.cat([near, later]).flatten().unique()) == 2 * 4 * 64


def test_rows_do_not_depend_on_each_other():
    seeds = [draw_seed(0, "q", i) for i in range(8)]
    whole = gumbel_noise(position_keys(seed_tensor(seeds, "cpu"), 3), 17)
    alone = gumbel_noise(position_keys(seed_tensor(seeds[5:6], "cpu"), 3), 17)
    assert torch.equal(whole[5:6], alone)


def test_argmax_follows_the_softmax():
    # 20,000 draws of one position from eight tokens: chi-square with 7 degrees of freedom.
    logits = torch.tensor([2.0, 1.0, 0.5, 0.0, -0.5, -1.0, -2.0, -4.0], dtype=torch.float64)
    seeds = seed_tensor([draw_seed(1, "q", i) for i in range(20_000)], "cpu")
    tokens = (gumbel_noise(position_keys(seeds, 11), 8) + logits).argmax(-1)
    expected = torch.softmax(logits, 0).numpy() * len(seeds)
    assert stats.chisquare(np.bincount(tokens, minlength=8), expected).pvalue > 1e-3


def test_consecutive_positions_of_one_draw_are_independent():
    # 50 draws of 200 positions, fair four-sided token: neighbours fill 16 cells evenly.
    seeds = seed_tensor([draw_seed(2, "q", i) for i in range(50)], "cpu")
    noise = [gumbel_noise(position_keys(seeds, t), 4) for t in range(200)]
    tokens = torch.stack(noise).argmax(-1).T.flatten().numpy()
    pairs = np.bincount(tokens[:-1:2] * 4 + tokens[1::2], minlength=16)
    assert stats.chisquare(pairs).pvalue > 1e-3
