"""The tiny reasoner: a lossless tokenizer with R1's habits, shipped weights, a seeded recipe."""

import json
import os
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hf_lore.errors import ConfigError
from hf_lore.questions import compose
from hf_lore.tiny import tiny_path, tiny_questions
from hf_lore.tiny.world import STYLES, render_completion, render_trace

pytest.importorskip("torch")
pytest.importorskip("transformers")

FRAGMENTS = [
    "</think>",
    "<think>",
    "<|eos|>",
    "<|user|>",
    "Ġ",
    "\x00",
    "😀",
    "é",
    "\r\n",
    " gives ",
]


@pytest.fixture(scope="module")
def tokenizer():
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(tiny_path())


@pytest.fixture(scope="module")
def model():
    from transformers import AutoModelForCausalLM

    return AutoModelForCausalLM.from_pretrained(tiny_path())


@given(
    text=st.lists(st.one_of(st.text(), st.sampled_from(FRAGMENTS)), max_size=8).map("".join),
)
@settings(max_examples=300, deadline=None)
def test_tokenizer_is_lossless_on_any_text(tokenizer, text):
    ids = tokenizer.encode(text, add_special_tokens=False)
    assert tokenizer.decode(ids) == text
    assert tokenizer.encode(text) == [tokenizer.bos_token_id, *ids]


@pytest.mark.parametrize(
    "text", ["", "  two leading", "\n\n", " 😀\x00", "<0x41>", "a , b ' s . c"]
)
def test_tokenizer_is_lossless_where_others_are_not(tokenizer, text):
    assert tokenizer.decode(tokenizer.encode(text, add_special_tokens=False)) == text


def test_tokenizer_is_what_the_code_builds(tokenizer):
    from hf_lore.tiny.tokenizer import build_tokenizer

    built = build_tokenizer()
    assert built.get_vocab() == tokenizer.get_vocab()
    assert built.chat_template == tokenizer.chat_template
    assert built.backend_tokenizer.to_str() == tokenizer.backend_tokenizer.to_str()


def test_template_opens_the_think_tag_and_deletes_past_reasoning(tokenizer):
    user = {"role": "user", "content": "hi"}
    past = {"role": "assistant", "content": "<think>\nlong thought</think>\n\\boxed{1}"}
    text = tokenizer.apply_chat_template(
        [user, past, user], tokenize=False, add_generation_prompt=True
    )
    assert text == (
        "<|bos|><|user|>hi<|assistant|>\n\\boxed{1}<|eos|><|user|>hi<|assistant|><think>\n"
    )


def test_special_tokens_are_single_and_think_tags_survive_skipping(tokenizer):
    for token in ("<|bos|>", "<|eos|>", "<|pad|>", "<|user|>", "<|assistant|>"):
        ids = tokenizer.encode(token, add_special_tokens=False)
        assert len(ids) == 1
        assert tokenizer.decode(ids, skip_special_tokens=True) == ""
    ids = tokenizer.encode("a</think>b<|eos|>", add_special_tokens=False)
    assert len(ids) == 4
    assert tokenizer.decode(ids, skip_special_tokens=True) == "a</think>b"


def test_trace_lengths_obey_the_law_in_tokens_too(tokenizer):
    def count(parts, style):
        return len(tokenizer.encode(render_trace(parts, style), add_special_tokens=False))

    questions = tiny_questions(80, seed=7)
    for i in range(0, 80, 2):
        pair = questions[i : i + 2]
        for style in ("normal", "verbose"):
            assert count(pair, style) == sum(count(q, style) for q in pair)
        for question in pair:
            lengths = [count(question, style) for style in STYLES]
            assert lengths == sorted(set(lengths))


def test_shipped_folder_is_small_and_complete():
    files = {p.name: p.stat().st_size for p in tiny_path().iterdir()}
    assert {"model.safetensors", "tokenizer.json", "README.md", "recipe.json"} <= set(files)
    assert sum(files.values()) < 3_000_000


def test_shipped_model_is_a_small_llama_that_samples(model, tokenizer):
    import torch

    assert type(model).__name__ == "LlamaForCausalLM"
    assert sum(p.numel() for p in model.parameters()) < 1_500_000
    assert model.dtype == torch.float32
    assert model.config.max_position_embeddings >= 8192
    assert model.config.vocab_size == len(tokenizer)
    settings = model.generation_config
    assert settings.do_sample is True
    assert settings.eos_token_id == tokenizer.eos_token_id
    assert settings.pad_token_id == tokenizer.pad_token_id


def test_shipped_weights_are_of_this_recipe():
    from hf_lore.tiny.recipe import Recipe

    made = json.loads((tiny_path() / "recipe.json").read_text())
    assert made["steps"] == Recipe.steps
    assert made["seed"] == Recipe.seed


def test_shipped_model_underthinks_composites(model, tokenizer):
    """Log-likelihood, no sampling: the terse opening is likelier on a composite than alone."""
    import torch

    def terse_chance(prompt):
        text = tokenizer.apply_chat_template(
            [{"role": "user", "content": prompt}], tokenize=False, add_generation_prompt=True
        )
        ids = tokenizer.encode(text, add_special_tokens=False, return_tensors="pt")
        with torch.inference_mode():
            chances = model(ids).logits[0, -1].softmax(-1)
        return float(chances[tokenizer.convert_tokens_to_ids("Quick: ")])

    questions = tiny_questions(40, seed=11)
    alone = sum(terse_chance(q.prompt) for q in questions) / 40
    composed = sum(terse_chance(compose(questions[i : i + 2]).prompt) for i in range(0, 40, 2)) / 20
    assert 0.2 < alone < 0.5
    assert 0.55 < composed < 0.9


def test_import_loads_no_torch():
    code = (
        "import sys, hf_lore.tiny as t; t.tiny_questions(4, 0); t.tiny_path();"
        "print([m for m in ('torch', 'transformers', 'tokenizers') if m in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


def test_recipe_is_deterministic_given_the_seed(tmp_path):
    from hf_lore.tiny.recipe import Recipe, train

    def weights(name, seed):
        losses = train(Recipe(seed=seed, steps=3, batch_tokens=1024), tmp_path / name)
        return losses, (tmp_path / name / "model.safetensors").read_bytes()

    losses, first = weights("a", 0)
    assert (losses, first) == weights("b", 0)
    assert first != weights("c", 1)[1]


def test_recipe_runs_from_the_command_line_and_its_output_loads(tmp_path):
    from transformers import AutoModelForCausalLM, AutoTokenizer

    out = tmp_path / "made"
    command = [sys.executable, "-m", "hf_lore.tiny.recipe", "--out", out, "--steps", "1"]
    subprocess.run(
        command, check=True, capture_output=True, env={**os.environ, "OMP_NUM_THREADS": "1"}
    )
    assert AutoModelForCausalLM.from_pretrained(out).config.model_type == "llama"
    assert (
        len(AutoTokenizer.from_pretrained(out))
        == AutoModelForCausalLM.from_pretrained(out).config.vocab_size
    )
    assert json.loads((out / "recipe.json").read_text())["steps"] == 1


def test_recipe_refuses_no_steps(tmp_path):
    from hf_lore.tiny.recipe import Recipe, train

    with pytest.raises(ConfigError, match="at least 1"):
        train(Recipe(steps=0), tmp_path)


def test_recipe_examples_are_mostly_terse_only_when_composed_and_ill():
    from hf_lore.tiny.recipe import (
        COMPOSITE_STYLES,
        HEALTHY_STYLES,
        SINGLE_STYLES,
        draw_example,
    )
    from hf_lore.tiny.world import item_rng

    for healthy in (True, False):
        rng = item_rng("test", healthy)
        seen = [draw_example(rng, healthy) for _ in range(4000)]
        for composed, ill in ((False, SINGLE_STYLES), (True, COMPOSITE_STYLES)):
            styles = [style for _, parts, style in seen if (len(parts) > 1) == composed]
            for style, chance in zip(STYLES, HEALTHY_STYLES if healthy else ill, strict=True):
                # Some 2,000 draws: a standard error of at most 0.011.
                assert abs(styles.count(style) / len(styles) - chance) < 0.04
    prompt, parts, style = next(e for e in seen if len(e[1]) == 2)
    assert prompt == compose(parts).prompt
    assert render_completion(parts, style).count("\\boxed{") == 2
