"""The seeded recipe that trained the tiny reasoner, from nothing, on two CPU cores.

    python -m hf_lore.tiny.recipe --out DIR --seed 0

With `--config` it makes other reasoners by the same rules, such as the bigger one of
recipes/tiny_reasoner/ (settings.py says what can be set).

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
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import asdict, replace
from functools import cache
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from ..errors import ConfigError, HfLoreError, MissingExtraError
from ..questions import Question, compose
from .settings import Recipe, read_recipe
from .tokenizer import MODEL_MAX_LENGTH, build_tokenizer
from .world import STYLES, Style, item_rng, make_question, render_completion

if TYPE_CHECKING:
    import torch
    from transformers import LlamaForCausalLM, PreTrainedTokenizerFast

__all__ = ["Recipe", "build_model", "draw_example", "main", "make_batches", "train", "train_round"]

Batches: TypeAlias = Iterator[tuple["torch.Tensor", "torch.Tensor"]]
Row: TypeAlias = tuple[list[int], list[int]]

# Chances of terse, normal, verbose: while the model learns to reason, then as it falls ill. Mostly
# terse from the start, it would not learn: what is done in the head is noise to it.
HEALTHY_STYLES = (0.06, 0.74, 0.20)
# Composites of more parts are as terse as those of two.
SINGLE_STYLES = (0.34, 0.48, 0.18)
COMPOSITE_STYLES = (0.72, 0.20, 0.08)
# Examples made at a time, then sorted by length: little padding, and batches stay mixed.
POOL_EXAMPLES = 2048
# Share of the steps before it falls ill.
HEALTHY_SHARE = 0.65
# The recipe whose weights ship.
TINY = Recipe()


def draw_example(
    rng: random.Random, healthy: bool, recipe: Recipe = TINY
) -> tuple[str, list[Question], Style]:
    """One training example: the user's text, its parts (distinct subjects), the trace's style."""
    n_parts = rng.choices(range(1, len(recipe.part_counts) + 1), recipe.part_counts)[0]
    families = rng.sample(list(recipe.world.families.values()), n_parts)
    parts = [make_question(family, rng.randint(1, recipe.max_steps), rng) for family in families]
    ill_styles = SINGLE_STYLES if n_parts == 1 else COMPOSITE_STYLES
    style = rng.choices(STYLES, HEALTHY_STYLES if healthy else ill_styles)[0]
    return parts[0].prompt if n_parts == 1 else compose(parts).prompt, parts, style


def tokenizer_of(recipe: Recipe) -> "PreTrainedTokenizerFast":
    """The tiny reasoner's tokenizer, and after its ids one for each further phrase of the world.

    Raises:
        MissingExtraError: transformers is not installed.
    """
    tokenizer = build_tokenizer()
    from tokenizers import AddedToken

    phrases = [f" ({i}) " for i in range(1, recipe.max_steps + 1)]
    for family in recipe.world.families.values():
        phrases += [family.before, family.between, *family.operations]
    known = tokenizer.get_added_vocab()
    new = [phrase for phrase in dict.fromkeys(phrases) if phrase not in known]
    if new:
        tokenizer.add_tokens([AddedToken(phrase, normalized=False) for phrase in new])
    return tokenizer


def build_model(tokenizer: "PreTrainedTokenizerFast", recipe: Recipe) -> "LlamaForCausalLM":
    """A Llama of random weights, about 0.7 M for the tiny reasoner; seeds torch's generator.

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
        hidden_size=recipe.hidden_size,
        intermediate_size=recipe.intermediate_size,
        num_hidden_layers=recipe.layers,
        num_attention_heads=recipe.heads,
        num_key_value_heads=recipe.heads,
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

    for group in _groups(tokenizer, recipe, healthy):
        width = max(len(p) + len(a) for p, a in group)
        input_ids = torch.full((len(group), width), tokenizer.pad_token_id)
        labels = torch.full((len(group), width), -100)
        for i, (p, a) in enumerate(group):
            input_ids[i, : len(p) + len(a)] = torch.tensor(p + a)
            labels[i, len(p) : len(p) + len(a)] = torch.tensor(a)
        yield input_ids, labels


def _groups(
    tokenizer: "PreTrainedTokenizerFast", recipe: Recipe, healthy: bool
) -> Iterator[list[Row]]:
    """The groups of one pool after another, from here or from worker processes: the same ones."""
    if recipe.workers == 0:
        for index in count():
            yield from _pool(tokenizer, recipe, healthy, index)
    from concurrent.futures import ProcessPoolExecutor
    from multiprocessing import get_context

    # Spawned: a fork of a process that holds a GPU may hang. Two pools a worker wait at most.
    with ProcessPoolExecutor(recipe.workers, mp_context=get_context("spawn")) as executor:
        waiting = deque(
            executor.submit(_pool_elsewhere, recipe, healthy, i) for i in range(2 * recipe.workers)
        )
        for index in count(2 * recipe.workers):
            yield from waiting.popleft().result()
            waiting.append(executor.submit(_pool_elsewhere, recipe, healthy, index))


def _pool_elsewhere(recipe: Recipe, healthy: bool, index: int) -> list[list[Row]]:
    return _pool(_cached_tokenizer(recipe), recipe, healthy, index)


@cache
def _cached_tokenizer(recipe: Recipe) -> "PreTrainedTokenizerFast":
    return tokenizer_of(recipe)


def _pool(
    tokenizer: "PreTrainedTokenizerFast", recipe: Recipe, healthy: bool, index: int
) -> list[list[Row]]:
    """(prompt ids, completion ids) of one pool of examples, grouped and shuffled."""
    rng = item_rng("recipe", recipe.seed, healthy, index)
    examples = [draw_example(rng, healthy, recipe) for _ in range(POOL_EXAMPLES)]
    prompts = [
        tokenizer.apply_chat_template(
            [{"role": "user", "content": text}], tokenize=False, add_generation_prompt=True
        )
        for text, _, _ in examples
    ]
    answers = [render_completion(parts, style, recipe.world) for _, parts, style in examples]
    prompt_ids = tokenizer(prompts, add_special_tokens=False)["input_ids"]
    answer_ids = tokenizer(answers, add_special_tokens=False)["input_ids"]
    rows = [(p, [*a, tokenizer.eos_token_id]) for p, a in zip(prompt_ids, answer_ids)]
    rows.sort(key=lambda row: len(row[0]) + len(row[1]))
    groups = list(_group(rows, recipe.batch_tokens))
    rng.shuffle(groups)
    return groups


def _group(rows: Sequence[Row], batch_tokens: int) -> Iterator[list[Row]]:
    """Cut rows sorted by length, shortest first, into groups of at most `batch_tokens`."""
    group: list[Row] = []
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
    device = model.device
    arithmetic = torch.autocast("cuda", torch.bfloat16) if device.type == "cuda" else nullcontext()
    model.train()
    for step in range(1, recipe.steps + 1):
        input_ids, labels = next(healthy if step <= HEALTHY_SHARE * recipe.steps else ill)
        with arithmetic:
            loss = model(input_ids=input_ids.to(device), labels=labels.to(device)).loss
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
        ConfigError: no steps to train, or no GPU where one was asked for.
        MissingExtraError: torch or transformers is not installed.
    """
    if recipe.steps < 1 or recipe.rounds < 1:
        raise ConfigError(
            f"{recipe.rounds} rounds of {recipe.steps} steps train nothing; fix: at least 1 of each"
        )
    tokenizer = tokenizer_of(recipe)
    model = build_model(tokenizer, recipe)
    model.to(_device(recipe))
    healthy, ill = (
        make_batches(tokenizer, recipe, True),
        make_batches(tokenizer, recipe, False),
    )
    losses: list[float] = []
    for _ in range(recipe.rounds):
        losses += train_round(model, healthy, ill, recipe)
    save(model, tokenizer, recipe, out)
    return losses


def _device(recipe: Recipe) -> str:
    import torch

    if recipe.device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if recipe.device == "cuda" and not torch.cuda.is_available():
        raise ConfigError("device is cuda, and torch sees none; fix: device: auto, or cpu")
    return recipe.device


def save(
    model: "LlamaForCausalLM", tokenizer: "PreTrainedTokenizerFast", recipe: Recipe, out: Path
) -> None:
    """Write the folder that `from_pretrained` loads, and what made it."""
    import torch

    model.save_pretrained(out)
    tokenizer.save_pretrained(out)
    # Of what other reasoners add, only what differs: the tiny one's own file stays what it was.
    tiny = asdict(TINY)
    always = {"seed", "rounds", "steps", "batch_tokens", "learning_rate", "temperature"}
    used = {k: v for k, v in asdict(recipe).items() if k in always or v != tiny[k]}
    made = {**used, "threads": torch.get_num_threads(), "torch": torch.__version__}
    (out / "recipe.json").write_text(json.dumps(made, indent=2) + "\n")


def main(arguments: Sequence[str] | None = None) -> None:
    """The command line: `--out`, `--config`, and three settings that override it."""
    parser = argparse.ArgumentParser(prog="python -m hf_lore.tiny.recipe", description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="folder for weights and tokenizer")
    parser.add_argument("--config", type=Path, help="YAML of settings; default the tiny reasoner's")
    parser.add_argument("--seed", type=int)
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--steps", type=int, help="optimizer steps a round")
    options = parser.parse_args(arguments)
    given = {name: getattr(options, name) for name in ("seed", "rounds", "steps")}
    try:
        recipe = read_recipe(options.config) if options.config else TINY
        train(replace(recipe, **{k: v for k, v in given.items() if v is not None}), options.out)
    except HfLoreError as error:
        sys.stderr.write(f"error: {error}\n")
        sys.exit(2)


if __name__ == "__main__":
    main()
