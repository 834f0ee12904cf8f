"""Tokens that adaptive K and shared questions save on the tiny reasoner, beside a fixed K = 8.

    python benchmarks/adaptive_k.py [--composites 300]

For each tolerance: tokens drawn over those of fixed K, composites selected, the mean relative gap
of the chosen triples and the share of them within 2% and 5%. It is first asserted that every draw
of an adaptive run is, token for token, a draw of the fixed one.
"""

import argparse
import statistics
import tempfile
from collections.abc import Sequence
from pathlib import Path

from hf_lore.adaptive import AdaptiveK
from hf_lore.compo import build_composites
from hf_lore.questions import Composite
from hf_lore.sampler_options import TINY, make_sampler
from hf_lore.sampling.sample import Sample, SamplingParams
from hf_lore.sampling.store import SampleStore
from hf_lore.selection import CompoSelector, Selection, select_composites
from hf_lore.stages import candidates_of, sample, start_run, verify
from hf_lore.tiny import tiny_questions

K = 8


def one_run(
    path: Path, composites: Sequence[Composite], adaptive: AdaptiveK | None
) -> tuple[int, dict[str, Sample], list[float]]:
    """Tokens drawn, samples by key, and the relative gap of each selected triple."""
    sampler, tokenizer = make_sampler(model=TINY, batch_size=256)
    params = SamplingParams(temperature=1.0, max_new_tokens=320)
    run = start_run(path, composites, sampler, tokenizer, params, K, adaptive=adaptive)
    stats = sample(run, sampler, tokenizer)
    verify(run)
    with SampleStore(run.samples, read_only=True) as store:
        drawn = {s.key: s for s in store}
    candidates = candidates_of(run, composites)
    gaps = []
    for choice in select_composites(candidates, CompoSelector()):
        if isinstance(choice, Selection):
            *parts, _ = (drawn[k].reasoning_tokens for k in choice.sample_keys)
            gaps.append(choice.gap_tokens / sum(parts))
    return stats.tokens, drawn, gaps


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--composites", type=int, default=300)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    questions = tiny_questions(4 * options.composites, seed=options.seed)
    composites = build_composites(questions, limit=options.composites, seed=options.seed)
    print(f"{len(composites)} composites of two parts, K = {K}, temperature 1")
    print("| draws | tokens | of fixed | selected | mean gap | within 2% | within 5% |")
    print("|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        fixed_tokens, fixed, gaps = one_run(Path(folder) / "fixed", composites, None)

        def row(name: str, tokens: int, gaps: Sequence[float]) -> None:
            print(
                f"| {name} | {tokens:,} | {tokens / fixed_tokens:.2f} | {len(gaps)} "
                f"| {statistics.mean(gaps):.4f} | {sum(g <= 0.02 for g in gaps) / len(gaps):.2f} "
                f"| {sum(g <= 0.05 for g in gaps) / len(gaps):.2f} |",
                flush=True,
            )

        row(f"fixed, {K}", fixed_tokens, gaps)
        for tolerance in (0.0, 0.01, 0.02, 0.05, 0.1):
            tokens, drawn, gaps = one_run(
                Path(folder) / f"{tolerance}", composites, AdaptiveK(tolerance)
            )
            assert all(s.token_ids == fixed[k].token_ids for k, s in drawn.items())
            row(f"until a gap of {tolerance:g}, in twos", tokens, gaps)
        half = build_composites(
            questions[: options.composites],
            limit=options.composites,
            seed=options.seed,
            max_uses=2,
        )
        tokens, _, gaps = one_run(Path(folder) / "shared", half, None)
        row(f"fixed, {K}, each question in up to 2 composites", tokens, gaps)
        tokens, _, gaps = one_run(Path(folder) / "both", half, AdaptiveK(0.02))
        row("the same until a gap of 0.02", tokens, gaps)


if __name__ == "__main__":
    main()
