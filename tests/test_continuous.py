"""`ContinuousBatchingSampler`: the draws of `TransformersSampler`, and nothing left behind."""

import dataclasses
import logging
import threading

import pytest
import torch
import transformers
from transformers import AutoModelForCausalLM, ContinuousBatchingConfig

from hf_lore.compo import build_composites
from hf_lore.errors import ConfigError
from hf_lore.questions import Question
from hf_lore.sampling import continuous
from hf_lore.sampling.continuous import ContinuousBatchingSampler
from hf_lore.sampling.continuous_engine import _SeededProcessors
from hf_lore.sampling.in_process import TransformersSampler
from hf_lore.sampling.prompts import load_tokenizer, render_prompts
from hf_lore.sampling.sample import Draw, SamplingParams, draw_seed
from hf_lore.tiny import tiny_path
from hf_lore.tiny.world import tiny_questions
from model_fixtures import make_llama, make_tokenizer

PARAMS = SamplingParams(temperature=0.8, max_new_tokens=60)


@pytest.fixture(scope="module")
def tokenizer():
    return make_tokenizer()


@pytest.fixture(scope="module")
def model(tokenizer):
    return make_llama(tokenizer, eos_bias=1.5)


def draws_of(questions, tokenizer, k):
    prompts = render_prompts(questions, tokenizer)
    return [Draw(p, n, draw_seed(0, p.question_id, n)) for p in prompts for n in range(k)]


@pytest.fixture(scope="module")
def draws(tokenizer):
    questions = [Question(prompt="x" * (1 + 7 * i % 23), gold=("1",)) for i in range(12)]
    return draws_of(questions, tokenizer, 4)


def drawn(sampler, draws, params=PARAMS, done=frozenset()):
    return [s for group in sampler.sample(draws, params, done) for s in group]


def by_key(samples):
    return {s.key: s for s in samples}


def test_the_tiny_reasoner_draws_the_same():
    tokenizer = load_tokenizer(tiny_path())
    model = AutoModelForCausalLM.from_pretrained(tiny_path(), dtype=torch.float32)
    composites = build_composites(tiny_questions(30, 0), limit=10)
    draws = draws_of([q for c in composites for q in c.questions], tokenizer, 4)
    params = SamplingParams(temperature=0.6, max_new_tokens=512)
    exact = by_key(drawn(TransformersSampler(model, tokenizer, revision="r"), draws, params))
    got = by_key(drawn(ContinuousBatchingSampler(model, tokenizer, revision="r"), draws, params))
    assert got.keys() == exact.keys()
    assert len(got) == 120
    # Rounding may turn a choice on another machine: the two sum attention in different orders.
    assert sum(got[key] != exact[key] for key in exact) <= 1
    assert {s.finish_reason for s in got.values()} == {"stop"}


@pytest.mark.parametrize(
    "params",
    [
        PARAMS,
        SamplingParams(temperature=1.0, max_new_tokens=60),
        SamplingParams(temperature=1.5, top_p=0.9, top_k=40, max_new_tokens=60, seed=2),
    ],
    ids=["temperature", "plain", "nucleus"],
)
def test_samples_come_as_they_end_and_are_told_exactly(model, tokenizer, draws, params):
    exact = by_key(drawn(TransformersSampler(model, tokenizer), draws, params))
    got = drawn(ContinuousBatchingSampler(model, tokenizer, batch_size=7), draws, params)
    # Whole samples: text, ids, counts, seed, draw and finish reason under their own key.
    assert by_key(got) == exact
    assert len(got) == len(draws)
    assert {s.finish_reason for s in got} == {"stop", "length"}
    # All in flight together, they come shortest first, whatever their order.
    together = drawn(ContinuousBatchingSampler(model, tokenizer), draws[:12], params)
    lengths = [s.n_tokens for s in together]
    assert lengths == sorted(lengths)
    asked = sorted(draws[:12], key=lambda d: -len(d.prompt.token_ids))
    assert [s.seed for s in together] != [d.seed for d in asked]


def test_what_is_held_is_not_drawn_again(model, tokenizer, draws):
    sampler = ContinuousBatchingSampler(model, tokenizer)
    whole = drawn(sampler, draws)
    held = frozenset(s.key for s in whole[:30])
    rest = drawn(sampler, draws, done=held)
    assert by_key(rest) == by_key(whole[30:])
    assert drawn(sampler, draws, done=frozenset(by_key(whole))) == []


def test_a_full_cache_changes_no_draw(model, tokenizer, draws, monkeypatch):
    """Draws that are put back continue from their own tokens, at their own positions."""
    from transformers.generation.continuous_batching.offloading_manager import OffloadingManager

    put_back = []
    offload = OffloadingManager.offload_requests
    monkeypatch.setattr(
        OffloadingManager,
        "offload_requests",
        lambda self: put_back.append(len(self.scheduler.starved_requests)) or offload(self),
    )
    # Pages for one and a half of the longest: 27 + 60 tokens, 4 a page.
    config = ContinuousBatchingConfig(page_size=4, num_blocks=33, max_batch_tokens=16)
    got = drawn(ContinuousBatchingSampler(model, tokenizer, config=config), draws)
    assert sum(put_back) > 0
    assert by_key(got) == by_key(drawn(TransformersSampler(model, tokenizer), draws))


def test_other_architectures_draw_the_same(tokenizer, draws):
    from transformers import GPT2Config, MambaConfig, MistralConfig, Qwen3Config

    common = {"vocab_size": len(tokenizer), "eos_token_id": tokenizer.eos_token_id}
    sizes = {
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
    }
    configs = [
        GPT2Config(n_embd=32, n_layer=2, n_head=2, n_positions=128, **common),
        MistralConfig(sliding_window=16, **sizes, **common),
        Qwen3Config(head_dim=8, **sizes, **common),
    ]
    for config in configs:
        with torch.random.fork_rng():
            torch.manual_seed(0)
            model = AutoModelForCausalLM.from_config(config).eval()
        exact = drawn(TransformersSampler(model, tokenizer), draws[:12])
        got = drawn(ContinuousBatchingSampler(model, tokenizer), draws[:12])
        assert by_key(got) == by_key(exact), config.model_type
    mamba = AutoModelForCausalLM.from_config(
        MambaConfig(hidden_size=32, num_hidden_layers=2, **common)
    )
    with pytest.raises(ConfigError, match="MambaForCausalLM cannot be batched continuously"):
        drawn(ContinuousBatchingSampler(mamba, tokenizer), draws)


def test_a_prompt_beyond_the_context_is_a_sample_without_text(tokenizer):
    model = make_llama(tokenizer, context=16)
    questions = [Question(prompt="x" * n, gold=("1",)) for n in (8, 10, 11, 40)]
    draws = draws_of(questions, tokenizer, 1)
    # BOS, user, n characters, assistant, think, newline: n + 5 tokens, so 13, 15, 16 and 45.
    got = {s.question_id: s for s in drawn(ContinuousBatchingSampler(model, tokenizer), draws)}
    # 16 positions leave 3 tokens, 1, 0 and none.
    expected = [(3, "length"), (1, "length"), (0, "context"), (0, "context")]
    found = [got[d.prompt.question_id] for d in draws]
    assert [(s.n_tokens, s.finish_reason) for s in found] == expected


def state_of(model):
    return (
        [m.training for m in model.modules()],
        model.config._attn_implementation,
        model.config.use_cache,
        model.generation_config.to_dict(),
        model.is_gradient_checkpointing,
        sorted(vars(model)),
    )


@pytest.fixture(params=["sdpa", "eager"])
def training_model(request, tokenizer):
    model = make_llama(tokenizer, eos_bias=1.0).train()
    model.set_attn_implementation(request.param)  # eager is switched to pages while drawing
    model.gradient_checkpointing_enable()
    model.model.layers[0].eval()  # a frozen part in another mode
    model.config.use_cache = False
    return model


def test_model_generators_and_threads_are_left_as_they_were(training_model, tokenizer, draws):
    exact = by_key(drawn(TransformersSampler(training_model, tokenizer), draws))
    before, state = state_of(training_model), torch.get_rng_state()
    threads = set(threading.enumerate())
    sampler = ContinuousBatchingSampler(training_model, tokenizer)
    assert by_key(drawn(sampler, draws)) == exact
    assert state_of(training_model) == before
    # A caller that wants no more.
    some = sampler.sample(draws, PARAMS)
    next(some)
    some.close()
    assert state_of(training_model) == before
    assert torch.equal(torch.get_rng_state(), state)
    assert set(threading.enumerate()) == threads


@pytest.mark.parametrize(
    "error", [torch.OutOfMemoryError("CUDA out of memory"), TypeError("a bug")]
)
def test_a_failure_is_raised_as_it_is_and_leaves_nothing(
    training_model, tokenizer, draws, error, caplog, monkeypatch
):
    forward, calls = training_model.forward, []

    def breaking(*args, **kwargs):
        calls.append(1)
        if len(calls) == 3:
            raise error
        return forward(*args, **kwargs)

    training_model.forward = breaking
    library = logging.getLogger("ContinuousBatchingLogger")
    level = library.level
    monkeypatch.setattr(library, "handlers", [caplog.handler])
    before, state = state_of(training_model), torch.get_rng_state()
    threads = set(threading.enumerate())
    with pytest.raises(type(error)) as raised:
        drawn(ContinuousBatchingSampler(training_model, tokenizer), draws)
    assert raised.value is error
    assert len(calls) == 3
    assert state_of(training_model) == before
    assert torch.equal(torch.get_rng_state(), state)
    assert set(threading.enumerate()) == threads
    # transformers logs the traceback by itself; one line is the callback's to write.
    assert caplog.records == []
    assert library.level == level
    training_model.forward = forward
    assert len(drawn(ContinuousBatchingSampler(training_model, tokenizer), draws)) == len(draws)


def test_autocast_runs_the_model_as_in_training(tokenizer, draws):
    """accelerate's mixed precision wraps `forward`: keys and values come in two dtypes."""
    model = make_llama(tokenizer, eos_bias=1.0)
    plain = model.forward
    model.forward = lambda *a, **k: torch.autocast("cpu", torch.bfloat16)(plain)(*a, **k)
    got = by_key(drawn(ContinuousBatchingSampler(model, tokenizer), draws))
    exact = by_key(drawn(TransformersSampler(model, tokenizer), draws))
    # bfloat16 has 8 bits: what rounding turns differs; first tokens, before it adds up, hardly.
    assert got.keys() == exact.keys()
    same = [got[k].token_ids[0] == exact[k].token_ids[0] for k in exact]
    assert sum(same) >= 0.9 * len(same)


def test_warm_up_requests_bring_no_seed():
    """Where graphs are recorded, transformers runs requests of its own first."""
    from transformers import LogitsProcessorList
    from transformers.generation.continuous_batching.requests import (
        FutureRequestState,
        RequestState,
        RequestStatus,
    )

    processors = _SeededProcessors(LogitsProcessorList())
    state = RequestState(request_id="warm-up", initial_tokens=[0] * 4)
    state._status = RequestStatus.DECODING
    storage = torch.zeros(2, 3, dtype=torch.int32)
    processors.prepare_tensor_args([FutureRequestState(state, True, {}, 4)], storage)
    scores = processors(torch.zeros(3, dtype=torch.int64), torch.zeros(3, 5), storage)
    assert scores.isfinite().all()


def test_what_cannot_be_drawn_so_is_one_line(tokenizer, draws, monkeypatch):
    def refusal(model, params=PARAMS, **more):
        with pytest.raises(ConfigError) as raised:
            drawn(ContinuousBatchingSampler(model, tokenizer, **more), draws, params)
        message = str(raised.value)
        assert "; fix: " in message
        assert "\n" not in message
        return message

    model = make_llama(tokenizer, context=10**8)
    state = torch.get_rng_state()
    small = ContinuousBatchingConfig(page_size=16, num_blocks=4, max_batch_tokens=16)
    assert "holds 64 tokens, and one draw may take 87" in refusal(model, config=small)
    endless = dataclasses.replace(PARAMS, max_new_tokens=10**8)
    assert "no memory for a cache of 64 draws" in refusal(model, endless)
    model.set_attn_implementation("flex_attention")
    assert "flex_attention is not supported" in refusal(model)
    assert model.config._attn_implementation == "flex_attention"
    assert torch.equal(torch.get_rng_state(), state)
    monkeypatch.setattr(continuous, "_OLDEST_TRANSFORMERS", "99.1")
    assert f"needs transformers 99.1, and {transformers.__version__} is" in refusal(model)
