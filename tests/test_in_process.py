"""`TransformersSampler`: the same draws in any batch, resumed or not, and nothing left behind."""

import dataclasses
import random

import numpy as np
import pytest
import torch

from hf_lore.errors import ConfigError
from hf_lore.questions import Question
from hf_lore.sampling.counting import ThinkTags
from hf_lore.sampling.decode import DrawRow, decode_batch
from hf_lore.sampling.in_process import TransformersSampler
from hf_lore.sampling.prompts import render_prompts
from hf_lore.sampling.sample import Draw, SamplingParams, draw_seed
from model_fixtures import make_llama, make_tokenizer

PARAMS = SamplingParams(temperature=0.8, max_new_tokens=60)


@pytest.fixture(scope="module")
def tokenizer():
    return make_tokenizer()


@pytest.fixture(scope="module")
def model(tokenizer):
    return make_llama(tokenizer, eos_bias=1.0)


@pytest.fixture(scope="module")
def draws(tokenizer):
    questions = [Question(prompt="x" * (1 + 7 * i % 23), gold=("1",)) for i in range(12)]
    prompts = render_prompts(questions, tokenizer)
    return [Draw(p, k, draw_seed(0, p.question_id, k)) for p in prompts for k in range(4)]


def drawn(sampler, draws, params=PARAMS, done=frozenset()):
    return [list(group) for group in sampler.sample(draws, params, done)]


def by_key(groups):
    return {s.key: s for group in groups for s in group}


def test_any_batch_size_and_order_draws_the_same(model, tokenizer, draws):
    reference = by_key(drawn(TransformersSampler(model, tokenizer, batch_size=1), draws))
    assert len(reference) == len(draws)
    for size in (5, 16, 64):
        shuffled = random.Random(size).sample(draws, len(draws))
        got = by_key(drawn(TransformersSampler(model, tokenizer, batch_size=size), shuffled))
        assert got == reference


def test_samples_are_told_exactly(model, tokenizer, draws):
    samples = by_key(drawn(TransformersSampler(model, tokenizer, batch_size=16), draws)).values()
    eos = tokenizer.eos_token_id
    reasons = {s.finish_reason for s in samples}
    assert reasons == {"stop", "length"}
    for s in samples:
        assert s.n_tokens == len(s.token_ids)
        assert s.count_method == "ids"
        assert eos not in s.token_ids[:-1]
        if s.finish_reason == "stop":
            assert s.token_ids[-1] == eos
            assert s.text == tokenizer.decode(s.token_ids[:-1])
        else:
            assert s.n_tokens == 60
            assert s.token_ids[-1] != eos
        close = tokenizer.convert_tokens_to_ids("</think>")
        expected = s.token_ids.index(close) if close in s.token_ids else None
        assert s.reasoning_tokens == expected
    assert any(s.reasoning_tokens is not None for s in samples)


def test_draws_of_one_question_differ(model, tokenizer, draws):
    samples = by_key(drawn(TransformersSampler(model, tokenizer), draws)).values()
    assert len({s.text for s in samples}) > 0.9 * len(draws)


def test_a_resumed_run_repeats_only_the_batches_it_lacks(model, tokenizer, draws):
    sampler = TransformersSampler(model, tokenizer, batch_size=8)
    whole = drawn(sampler, draws)
    assert [len(g) for g in whole] == [8] * 6
    # All of batch 0, all of 2, half of 3: what is left is yielded, in the same groups.
    held = {s.key for g in (whole[0], whole[2], whole[3][:4]) for s in g}
    rest = drawn(sampler, draws, done=frozenset(held))
    assert rest == [whole[1], whole[3][4:], whole[4], whole[5]]
    assert drawn(sampler, draws, done=frozenset(by_key(whole))) == []


def test_a_prompt_beyond_the_context_is_a_sample_without_text(tokenizer):
    model = make_llama(tokenizer, context=16)
    prompts = render_prompts(
        [Question(prompt="x" * n, gold=("1",)) for n in (8, 10, 11, 40)], tokenizer
    )
    # BOS, user, n characters, assistant, think, newline: n + 5 tokens, so 13, 15, 16 and 45.
    assert [len(p.token_ids) for p in prompts] == [13, 15, 16, 45]
    groups = drawn(TransformersSampler(model, tokenizer), [Draw(p, 0, 1) for p in prompts])
    got = {s.question_id: s for s in by_key(groups).values()}
    # 16 positions leave 3 tokens, 1, 0 and none.
    expected = [(3, "length"), (1, "length"), (0, "context"), (0, "context")]
    assert [
        (got[p.question_id].n_tokens, got[p.question_id].finish_reason) for p in prompts
    ] == expected
    refused = got[prompts[3].question_id]
    assert (refused.text, refused.token_ids, refused.reasoning_tokens) == ("", (), None)


def test_near_zero_temperature_is_greedy_generate(model, tokenizer, draws):
    firsts = [d for d in draws if d.number == 0]
    cold = dataclasses.replace(PARAMS, temperature=1e-6)
    samples = by_key(drawn(TransformersSampler(model, tokenizer), firsts, cold)).values()
    for s in samples:
        (d,) = [d for d in firsts if d.prompt.question_id == s.question_id]
        ids = torch.tensor([d.prompt.token_ids])
        out = model.generate(
            ids, attention_mask=torch.ones_like(ids), do_sample=False, max_new_tokens=60
        )
        assert list(s.token_ids) == out[0, ids.shape[1] :].tolist()


@pytest.mark.parametrize(
    ("top_p", "top_k", "temperature"), [(1.0, None, 1.0), (0.7, None, 0.6), (0.9, 5, 1.5)]
)
def test_first_tokens_follow_transformers_warped_distribution(
    model, tokenizer, top_p, top_k, temperature
):
    from scipy import stats
    from transformers import (
        LogitsProcessorList,
        TemperatureLogitsWarper,
        TopKLogitsWarper,
        TopPLogitsWarper,
    )

    prompt = tuple(tokenizer("hello")["input_ids"])
    n = 6_000
    params = SamplingParams(temperature, top_p, top_k, max_new_tokens=1)
    rows = [DrawRow(prompt, draw_seed(0, "q", i), 1) for i in range(n)]
    tokens = np.array(decode_batch(model, rows, params, [], 0))[:, 0]

    warpers = LogitsProcessorList([TemperatureLogitsWarper(temperature)])
    if top_k:
        warpers.append(TopKLogitsWarper(top_k))
    warpers.append(TopPLogitsWarper(top_p))
    with torch.no_grad():
        logits = model(torch.tensor([prompt])).logits[:, -1]
    p = warpers(None, logits).softmax(-1)[0].double().numpy()
    counts = np.bincount(tokens, minlength=len(p))
    assert counts[p == 0].sum() == 0
    # Cells with an expectation below 5 are pooled, as the chi-square test needs.
    large = p * n >= 5
    seen = np.append(counts[large], counts[~large].sum())
    expected = np.append(p[large], p[~large].sum()) * n
    keep = expected > 0
    assert stats.chisquare(seen[keep], expected[keep] * n / expected.sum()).pvalue > 1e-3


def test_models_of_other_architectures_agree_with_themselves_alone(tokenizer):
    from transformers import AutoModelForCausalLM, GPT2Config, MistralConfig

    common = {"vocab_size": len(tokenizer), "eos_token_id": tokenizer.eos_token_id}
    configs = [
        GPT2Config(n_embd=32, n_layer=2, n_head=2, n_positions=128, **common),
        # A sliding window of 8 tokens: transformers' own cache layer, re-indexed.
        MistralConfig(
            hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4,
            num_key_value_heads=2, sliding_window=8, **common,
        ),
    ]  # fmt: skip
    for config in configs:
        with torch.random.fork_rng():
            torch.manual_seed(0)
            model = AutoModelForCausalLM.from_config(config).eval()
        rows = [DrawRow(tuple(range(1, 2 + i % 5)), i, 10 + i) for i in range(12)]
        together = decode_batch(model, rows, PARAMS, [260], 0)
        for row, ids in zip(rows, together, strict=True):
            assert decode_batch(model, [row], PARAMS, [260], 0) == [ids]
            assert len(ids) == row.budget or ids[-1] == 260


def test_cached_decoding_equals_uncached(tokenizer, model):
    from hf_lore.sampling.noise import gumbel_noise, position_keys, seed_tensor

    rows = [DrawRow((5, 6, 7, 8)[: 1 + i % 4], i, 40) for i in range(10)]
    got = decode_batch(model, rows, PARAMS, [260], 0)
    for row, ids in zip(rows, got, strict=True):
        so_far = list(row.prompt_ids)
        for position, token in enumerate(ids):
            with torch.no_grad():
                logits = model(torch.tensor([so_far]), use_cache=False).logits[0, -1]
            noise = gumbel_noise(
                position_keys(seed_tensor([row.seed], "cpu"), position), len(logits)
            )
            assert (noise[0] + logits / PARAMS.temperature).argmax() == token
            so_far.append(token)


def test_a_training_model_and_the_generators_are_left_as_they_were(tokenizer, draws):
    model = make_llama(tokenizer, eos_bias=2.0)
    model.gradient_checkpointing_enable()
    model.config.use_cache = False
    model.train()
    model.model.layers[0].eval()  # a frozen part, in another mode than the rest
    modes = [m.training for m in model.modules()]
    config = model.config.to_dict()
    generation = model.generation_config.to_dict()
    weights = {k: v.clone() for k, v in model.state_dict().items()}
    side = tokenizer.padding_side
    states = torch.get_rng_state(), np.random.get_state()[1].tolist(), random.getstate()  # noqa: NPY002
    threads = torch.get_num_threads()

    groups = TransformersSampler(model, tokenizer, batch_size=16).sample(draws, PARAMS)
    next(groups)  # suspended between batches: the caller must find everything restored
    assert [m.training for m in model.modules()] == modes
    assert torch.is_grad_enabled()
    list(groups)

    assert [m.training for m in model.modules()] == modes
    assert model.config.to_dict() == config
    assert model.generation_config.to_dict() == generation
    assert all(torch.equal(v, weights[k]) for k, v in model.state_dict().items())
    assert tokenizer.padding_side == side
    assert torch.equal(torch.get_rng_state(), states[0])
    assert np.random.get_state()[1].tolist() == states[1]  # noqa: NPY002
    assert random.getstate() == states[2]
    assert torch.get_num_threads() == threads
    # And it can go on training.
    loss = model(torch.tensor([[1, 2, 3]]), labels=torch.tensor([[1, 2, 3]])).loss
    loss.backward()
    assert model.lm_head.weight.grad is not None


def test_dropout_and_checkpointing_do_not_change_the_draws(tokenizer, draws):
    still = make_llama(tokenizer, eos_bias=2.0)
    moving = make_llama(tokenizer, eos_bias=2.0)
    moving.config.attention_dropout = 0.5
    moving.gradient_checkpointing_enable()
    moving.train()
    a, b = (
        by_key(drawn(TransformersSampler(m, tokenizer, name="m", revision="r"), draws))
        for m in (still, moving)
    )
    assert a == b


def test_eos_is_the_generation_configs_and_the_tokenizers(tokenizer, draws):
    model = make_llama(tokenizer)
    model.generation_config.eos_token_id = list(range(0, 250, 10))
    samples = by_key(drawn(TransformersSampler(model, tokenizer), draws)).values()
    ends = {s.token_ids[-1] for s in samples if s.finish_reason == "stop"}
    assert ends <= {*range(0, 250, 10), tokenizer.eos_token_id}
    assert len(ends) > 3


def test_without_tags_every_token_but_eos_is_reasoning(model, tokenizer, draws):
    samples = by_key(drawn(TransformersSampler(model, tokenizer, tags=None), draws)).values()
    for s in samples:
        assert s.reasoning_tokens == (s.n_tokens - 1 if s.finish_reason == "stop" else None)


def test_other_tags(model, tokenizer, draws):
    # One byte each, found by id; the prompt does not open them.
    sampler = TransformersSampler(model, tokenizer, tags=ThinkTags("(", ")"))
    samples = by_key(drawn(sampler, draws)).values()
    counted = [s for s in samples if s.reasoning_tokens is not None]
    assert counted
    assert all(")" in s.text for s in counted)


def test_saved_and_loaded_draws_the_same(model, tokenizer, draws, tmp_path):
    model.save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    before = torch.get_rng_state()
    loaded = TransformersSampler(tmp_path, device="cpu", batch_size=16)
    assert loaded.model == str(tmp_path)
    got = [s.token_ids for g in drawn(loaded, draws) for s in g]
    assert torch.equal(torch.get_rng_state(), before)
    live = TransformersSampler(model, tokenizer, batch_size=16)
    assert got == [s.token_ids for g in drawn(live, draws) for s in g]


def test_revision_names_the_weights(model, tokenizer, tmp_path):
    model.save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    revision = TransformersSampler(str(tmp_path)).revision
    assert TransformersSampler(str(tmp_path)).revision == revision
    other = make_llama(tokenizer, seed=1)
    assert (
        TransformersSampler(model, tokenizer).revision
        != TransformersSampler(other, tokenizer).revision
    )
    other.save_pretrained(tmp_path)
    assert TransformersSampler(str(tmp_path)).revision != revision
    assert TransformersSampler(str(tmp_path), revision="mine").revision == "mine"


def test_what_is_missing_is_named(model, tokenizer, tmp_path):
    with pytest.raises(ConfigError, match=r"no config.json.*fix:"):
        TransformersSampler(tmp_path)
    model.config.save_pretrained(tmp_path)
    with pytest.raises(ConfigError, match=r"no weights.*fix:"):
        TransformersSampler(tmp_path)
    model.save_pretrained(tmp_path)
    with pytest.raises(ConfigError, match=r"has no tokenizer.*fix:"):
        TransformersSampler(tmp_path)
    with pytest.raises(ConfigError, match=r"is no directory.*fix:"):
        TransformersSampler(tmp_path / "absent")
    with pytest.raises(ConfigError, match=r"without its tokenizer.*fix:"):
        TransformersSampler(model)
    with pytest.raises(ConfigError, match=r"batch_size is 0.*fix:"):
        TransformersSampler(model, tokenizer, batch_size=0)


def test_weights_that_are_not_numbers(tokenizer, draws):
    broken = make_llama(tokenizer)
    with torch.no_grad():
        broken.lm_head.weight[3] = float("nan")
    with pytest.raises(ConfigError, match=r"not numbers.*fix:"):
        drawn(TransformersSampler(broken, tokenizer), draws)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_on_cuda(model, tokenizer, draws, tmp_path, dtype):
    model.save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    sampler = TransformersSampler(tmp_path, device="cuda", dtype=dtype, batch_size=16)
    got = by_key(drawn(sampler, draws))
    assert len(got) == len(draws)
    cpu = by_key(drawn(TransformersSampler(tmp_path, device="cpu"), draws))
    if dtype is torch.float32:  # the same noise on any device
        assert sum(got[k].token_ids == cpu[k].token_ids for k in cpu) > 0.9 * len(cpu)
