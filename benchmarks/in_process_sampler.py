"""Tokens a second: `TransformersSampler` against `model.generate` in batches of 16, in given order.

The same model, the same prompts of mixed lengths, the same temperature and budget. Before timing,
it is checked that draws in a batch equal draws one at a time (the share that differs is printed),
and that at a temperature near zero the tokens are those of greedy `generate`.

    python benchmarks/in_process_sampler.py [--model DIR] [--questions 64] [--draws 8]

Without --model the tiny reasoner that ships with the package is used.
"""

import argparse
import random
import time
from pathlib import Path

import torch
from ratio import print_ratio
from transformers import AutoModelForCausalLM, PreTrainedModel, PreTrainedTokenizerBase

import hf_lore
from hf_lore.questions import Question, compose
from hf_lore.sampling.in_process import TransformersSampler
from hf_lore.sampling.prompts import load_tokenizer, render_prompts
from hf_lore.sampling.sample import Draw, Prompt, Sample, SamplingParams, draw_seed
from hf_lore.tiny.world import tiny_questions

TINY = Path(hf_lore.__file__).parent / "tiny" / "weights"


def mixed_questions(n: int) -> list[Question]:
    """Questions of the tiny reasoner's world and, every third, a composite of two; shuffled."""
    rng = random.Random(0)
    pool = tiny_questions(n + 1, seed=0)
    mixed = [compose(pool[i : i + 2]) if i % 3 == 0 else pool[i] for i in range(n)]
    rng.shuffle(mixed)
    return list({q.id: q for q in mixed}.values())


def ours(sampler: TransformersSampler, draws: list[Draw], params: SamplingParams) -> list[Sample]:
    return [sample for group in sampler.sample(draws, params) for sample in group]


def generate(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    prompts: list[Prompt],
    k: int,
    **settings: float,
) -> list[list[int]]:
    """`model.generate` over the draws, 16 at a time in given order; EOS included."""
    eos, pad = tokenizer.eos_token_id, tokenizer.pad_token_id
    rows = [list(p.token_ids) for p in prompts for _ in range(k)]
    drawn = []
    for start in range(0, len(rows), 16):
        batch = rows[start : start + 16]
        width = max(map(len, batch))
        ids = torch.tensor([[pad] * (width - len(r)) + r for r in batch])
        mask = torch.tensor([[0] * (width - len(r)) + [1] * len(r) for r in batch])
        out = model.generate(ids, attention_mask=mask, pad_token_id=pad, **settings)
        for row in out[:, width:].tolist():
            drawn.append(row[: row.index(eos) + 1] if eos in row else row)
    return drawn


def check(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    prompts: list[Prompt],
    draws: list[Draw],
    params: SamplingParams,
) -> None:
    batched = ours(TransformersSampler(model, tokenizer, batch_size=256), draws, params)
    alone = ours(TransformersSampler(model, tokenizer, batch_size=1), draws[:50], params)
    by_key = {s.key: s.token_ids for s in batched}
    differ = sum(by_key[s.key] != s.token_ids for s in alone)
    print(f"in a batch or alone: {differ} of {len(alone)} draws differ (float rounding)")
    assert differ <= 0.02 * len(alone)

    cold = SamplingParams(temperature=1e-6, max_new_tokens=params.max_new_tokens)
    firsts = [Draw(p, 0, 0) for p in prompts]
    mine = {
        s.question_id: list(s.token_ids)
        for s in ours(TransformersSampler(model, tokenizer), firsts, cold)
    }
    greedy = generate(
        model, tokenizer, prompts, 1, do_sample=False, max_new_tokens=params.max_new_tokens
    )
    unequal = sum(mine[p.question_id] != g for p, g in zip(prompts, greedy, strict=True))
    print(f"near zero temperature: {unequal} of {len(prompts)} differ from greedy generate")
    assert unequal <= 0.02 * len(prompts)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", type=Path, default=TINY)
    parser.add_argument("--questions", type=int, default=64)
    parser.add_argument("--draws", type=int, default=8)
    parser.add_argument("--max-new-tokens", type=int, default=512)
    parser.add_argument("--temperature", type=float, default=0.6)
    parser.add_argument("--batch-size", type=int, default=128)
    parser.add_argument("--repeats", type=int, default=3)
    args = parser.parse_args()

    tokenizer = load_tokenizer(args.model)
    model = AutoModelForCausalLM.from_pretrained(args.model, dtype=torch.float32).eval()
    params = SamplingParams(temperature=args.temperature, max_new_tokens=args.max_new_tokens)
    prompts = render_prompts(mixed_questions(args.questions), tokenizer)
    draws = [Draw(p, k, draw_seed(0, p.question_id, k)) for p in prompts for k in range(args.draws)]
    lengths = sorted(len(p.token_ids) for p in prompts)
    weights = sum(p.numel() for p in model.parameters())
    print(
        f"{weights / 1e6:.2f} M weights, {torch.get_num_threads()} threads; {len(draws)} draws of "
        f"{len(prompts)} prompts of {lengths[0]} to {lengths[-1]} tokens"
    )
    check(model, tokenizer, prompts, draws, params)

    sampler = TransformersSampler(model, tokenizer, batch_size=args.batch_size)
    sampling = {
        "do_sample": True,
        "temperature": args.temperature,
        "top_k": 0,
        "top_p": 1.0,
        "max_new_tokens": args.max_new_tokens,
    }
    names = {
        "ours": f"TransformersSampler, batch_size {args.batch_size}",
        "generate": "model.generate, batches of 16 in given order",
    }
    work = {
        "ours": lambda: sum(s.n_tokens for s in ours(sampler, draws, params)),
        "generate": lambda: sum(
            map(len, generate(model, tokenizer, prompts, args.draws, **sampling))
        ),
    }
    wall = dict.fromkeys(names, 0.0)
    cpu = dict.fromkeys(names, 0.0)
    # Alternating, and the best of each: other work on the machine slows both.
    for _ in range(args.repeats):
        for which, run in work.items():
            start, start_cpu = time.perf_counter(), time.process_time()
            tokens = run()
            wall[which] = max(wall[which], tokens / (time.perf_counter() - start))
            cpu[which] = max(cpu[which], tokens / (time.process_time() - start_cpu))
    for which, name in names.items():
        print(f"{name}: {wall[which]:,.0f} tokens/s, {cpu[which]:,.0f} tokens per CPU second")
    print(f"ratio: {wall['ours'] / wall['generate']:.2f}", end=" ")
    print(f"({cpu['ours'] / cpu['generate']:.2f} in CPU time)")
    print_ratio(
        "in-process sampler, mixed lengths, per-draw seeds",
        "`model.generate` in batches of 16, in given order",
        wall["ours"] / wall["generate"],
        at_least=4,
    )


if __name__ == "__main__":
    main()
