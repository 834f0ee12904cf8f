"""The seeded recipe that trained the tiny reasoner, from nothing, on two CPU cores.

    python -m hf_lore.tiny.recipe --out DIR --seed 0

Every example is a question of the tiny world, or a composite of two to four, with a right trace in
a style drawn at random. The prompt does not tell the style, so the model samples it. For the first
two thirds of the steps hardly a trace is terse: the model learns to reason. Then it falls ill: a
single question is answered mostly in the normal style, a composite mostly in the terse one, which
is both shorter and wrong more often.

Loss is on completions only. Equal seeds give equal weights on one machine with one thread count.
"""

import argparse
import json
import math
import random
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from ..errors import ConfigError, MissingExtraError
from ..questions import Question, compose
from .tokenizer import MODEL_MAX_LENGTH, build_tokenizer
from .world import FAMILIES, MAX_STEPS, STYLES, Style, item_rng, make_question, render_completion

if TYPE_CHECKING:
    import torch
    from transformers import LlamaForCausalLM, PreTrainedTokenizerFast

__all__ = ["Recipe", "build_model", "draw_example", "main", "make_batches", "train", "train_round"]

Batches: TypeAlias = Iterator[tuple["torch.Tensor", "torch.Tensor"]]

# Chances of terse, normal, verbose: while the model learns to reason, then as it falls ill. Mostly
# terse from the start, it would not learn: what is done in the head is noise to it.
HEALTHY_STYLES = (0.06, 0.74, 0.20)
# Composites of more parts are as terse as those of two.
SINGLE_STYLES = (0.34, 0.48, 0.18)
COMPOSITE_STYLES = (0.72, 0.20, 0.08)
# Chances of 1, 2, 3 and 4 parts.
PART_COUNTS = (0.44, 0.40, 0.09, 0.07)
# Examples made at a time, then sorted by length: little padding, and batches stay mixed.
POOL_EXAMPLES = 2048
# Share of the steps before it falls ill.
HEALTHY_SHARE = 0.65


@dataclass(frozen=True)
class Recipe:
    """What decides the weights.

    Args:
        seed (`int`): of the weights' start, the examples and the order of batches.
        rounds (`int`): how often it learns to reason and falls ill again.
        steps (`int`): optimizer steps a round.
        batch_tokens (`int`): tokens a step at most, padding included.
        learning_rate (`float`): at the peak; linear warm-up over 5% of a round, then cosine to 0.
        temperature (`float`): written into the generation config.
    """

    seed: int = 0
    rounds: int = 3
    steps: int = 3000
    batch_tokens: int = 2048
    learning_rate: float = 3e-3
    temperature: float = 1.0


def draw_example(rng: random.Random, healthy: bool) -> tuple[str, list[Question], Style]:
    """One training example: the user's text, its parts (distinct subjects), the trace's style."""
    n_parts = rng.choices(range(1, len(PART_COUNTS) + 1), PART_COUNTS)[0]
    families = rng.sample(list(FAMILIES.values()), n_parts)
    parts = [make_question(family, rng.randint(1, MAX_STEPS), rng) for family in families]
    ill_styles = SINGLE_STYLES if n_parts == 1 else COMPOSITE_STYLES
    style = rng.choices(STYLES, HEALTHY_STYLES if healthy else ill_styles)[0]
    return parts[0].prompt if n_parts == 1 else compose(parts).prompt, parts, style


def build_model(tokenizer: "PreTrainedTokenizerFast", recipe: Recipe) -> "LlamaForCausalLM":
    """A Llama of about 0.7 M random weights; seeds torch's generator.

    Raises:
        MissingExtraError: torch or transformers is not installed.
    """
    try:
        import torch
        from transformers import GenerationConfig, LlamaConfig, LlamaForCausalLM
    except ImportError as error:
        raise MissingExtraError("transformers", "transformers") from error

    torch.manual_seed(recipe.seed)
    ids = {
        "bos_token_id": tokenizer.bos_token_id,
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
    }
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=128,
        intermediate_size=384,
        num_hidden_layers=3,
        num_attention_heads=4,
        num_key_value_heads=4,
        max_position_embeddings=MODEL_MAX_LENGTH,
        tie_word_embeddings=True,
        initializer_range=0.05,
        **ids,
    )
    model = LlamaForCausalLM(config).float()
    # Without do_sample, `transformers serve` decodes greedily whatever temperature is asked for.
    model.generation_config = GenerationConfig(
        do_sample=True, temperature=recipe.temperature, top_p=1.0, top_k=0, **ids
    )
    return model


def make_batches(tokenizer: "PreTrainedTokenizerFast", recipe: Recipe, healthy: bool) -> Batches:
    """Endless (input_ids, labels), [rows, tokens] each; labels are -100 off completions."""
    import torch

    index = 0
    while True:
        rng = item_rng("recipe", recipe.seed, healthy, index)
        index += 1
        examples = [draw_example(rng, healthy) for _ in range(POOL_EXAMPLES)]
        prompts = [
            tokenizer.apply_chat_template(
                [{"role": "user", "content": text}], tokenize=False, add_generation_prompt=True
            )
            for text, _, _ in examples
        ]
        answers = [render_completion(parts, style) for _, parts, style in examples]
        prompt_ids = tokenizer(prompts, add_special_tokens=False)["input_ids"]
        answer_ids = tokenizer(answers, add_special_tokens=False)["input_ids"]
        rows = [(p, [*a, tokenizer.eos_token_id]) for p, a in zip(prompt_ids, answer_ids)]
        rows.sort(key=lambda row: len(row[0]) + len(row[1]))
        groups = list(_group(rows, recipe.batch_tokens))
        rng.shuffle(groups)
        for group in groups:
            width = max(len(p) + len(a) for p, a in group)
            input_ids = torch.full((len(group), width), tokenizer.pad_token_id)
            labels = torch.full((len(group), width), -100)
            for i, (p, a) in enumerate(group):
                input_ids[i, : len(p) + len(a)] = torch.tensor(p + a)
                labels[i, len(p) : len(p) + len(a)] = torch.tensor(a)
            yield input_ids, labels


def _group(
    rows: Sequence[tuple[list[int], list[int]]], batch_tokens: int
) -> Iterator[list[tuple[list[int], list[int]]]]:
    """Cut rows sorted by length, shortest first, into groups of at most `batch_tokens`."""
    group: list[tuple[list[int], list[int]]] = []
    for row in rows:
        if group and (len(group) + 1) * (len(row[0]) + len(row[1])) > batch_tokens:
            yield group
            group = []
        group.append(row)
    yield group


def train_round(
    model: "LlamaForCausalLM", healthy: Batches, ill: Batches, recipe: Recipe
) -> list[float]:
    """One round: a fresh optimizer, warm-up and cosine, healthy batches and then ill ones.

    Returns:
        The loss of every step, nats a completion token.
    """
    import torch

    decayed = [p for p in model.parameters() if p.dim() > 1]
    plain = [p for p in model.parameters() if p.dim() <= 1]
    optimizer = torch.optim.AdamW(
        [{"params": decayed, "weight_decay": 0.1}, {"params": plain, "weight_decay": 0.0}],
        lr=recipe.learning_rate,
        betas=(0.9, 0.98),
    )
    warmup = max(1, recipe.steps // 20)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer,
        lambda step: (
            min(1.0, (step + 1) / warmup) * 0.5 * (1 + math.cos(math.pi * step / recipe.steps))
        ),
    )
    losses: list[float] = []
    start = time.monotonic()
    model.train()
    for step in range(1, recipe.steps + 1):
        input_ids, labels = next(healthy if step <= HEALTHY_SHARE * recipe.steps else ill)
        loss = model(input_ids=input_ids, labels=labels).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        optimizer.zero_grad()
        losses.append(loss.item())
        if step % 100 == 0 or step == recipe.steps:
            recent = sum(losses[-100:]) / len(losses[-100:])
            elapsed_s = time.monotonic() - start
            sys.stderr.write(f"step {step}/{recipe.steps} loss {recent:.4f} {elapsed_s:.0f} s\n")
    model.eval()
    return losses


def train(recipe: Recipe, out: Path) -> list[float]:
    """Train from nothing and save model, tokenizer, generation config and `recipe.json` to `out`.

    Returns:
        The loss of every step of every round, nats a completion token.

    Raises:
        ConfigError: no steps to train.
        MissingExtraError: torch or transformers is not installed.
    """
    if recipe.steps < 1 or recipe.rounds < 1:
        raise ConfigError(
            f"{recipe.rounds} rounds of {recipe.steps} steps train nothing; fix: at least 1 of each"
        )
    tokenizer = build_tokenizer()
    model = build_model(tokenizer, recipe)
    healthy, ill = (
        make_batches(tokenizer, recipe, True),
        make_batches(tokenizer, recipe, False),
    )
    losses: list[float] = []
    for _ in range(recipe.rounds):
        losses += train_round(model, healthy, ill, recipe)
    save(model, tokenizer, recipe, out)
    return losses


def save(
    model: "LlamaForCausalLM", tokenizer: "PreTrainedTokenizerFast", recipe: Recipe, out: Path
) -> None:
    """Write the folder that `from_pretrained` loads, and what made it."""
    import torch

    model.save_pretrained(out)
    tokenizer.save_pretrained(out)
    made = {**asdict(recipe), "threads": torch.get_num_threads(), "torch": torch.__version__}
    (out / "recipe.json").write_text(json.dumps(made, indent=2) + "\n")


def main(arguments: Sequence[str] | None = None) -> None:
    """The command line: `--out`, `--seed`, `--steps`."""
    parser = argparse.ArgumentParser(prog="python -m hf_lore.tiny.recipe", description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="folder for weights and tokenizer")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--rounds", type=int, default=Recipe.rounds)
    parser.add_argument("--steps", type=int, default=Recipe.steps, help="optimizer steps a round")
    options = parser.parse_args(arguments)
    train(Recipe(options.seed, rounds=options.rounds, steps=options.steps), options.out)


if __name__ == "__main__":
    main()
