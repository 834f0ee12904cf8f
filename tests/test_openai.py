"""`OpenAISampler` against servers of several kinds over real sockets, whole and broken."""

import pytest

from fake_server import FakeServer, Fault, trace_ids
from hf_lore.errors import ConfigError, ServerError
from hf_lore.sampling.collect import collect_samples
from hf_lore.sampling.openai import Dialect, OpenAISampler
from hf_lore.sampling.sample import Draw, Prompt, SamplingParams, draw_seed
from hf_lore.sampling.store import SampleStore
from hf_lore.sampling.transport import Patience
from model_fixtures import make_tokenizer

PARAMS = SamplingParams(temperature=0.7, top_p=0.9, max_new_tokens=60, seed=3)
QUICK = Patience(answer_s=5, body_s=0.3, silence_s=3, attempts=6)


@pytest.fixture(scope="module")
def tokenizer():
    return make_tokenizer()


def make_prompts(tokenizer, n: int) -> list[Prompt]:
    texts = [f"<|user|>question {i}<|assistant|><think>\n" for i in range(n)]
    return [
        Prompt(f"q-{i:05d}", text, tuple(tokenizer.encode(text))) for i, text in enumerate(texts)
    ]


def collect(sampler, prompts, path, *, k=2, params=PARAMS):
    with SampleStore(path, "f") as store:
        stats = collect_samples(sampler, store, prompts, num_samples=k, params=params)
        return stats, list(store)


def expected(tokenizer, prompt: Prompt, draw: int, budget: int):
    seed = draw_seed(PARAMS.seed, prompt.question_id, draw)
    return trace_ids(tokenizer, tokenizer.decode(list(prompt.token_ids)), seed, budget)


@pytest.mark.parametrize(
    ("flavour", "dialect"),
    [
        ("vllm", Dialect(True, True, False, "ids")),
        ("hosted", Dialect(True, False, True, "logprobs")),
        ("transformers", Dialect(False, False, False, "usage")),
    ],
)
def test_each_kind_of_server_gives_the_same_counts(tokenizer, tmp_path, flavour, dialect):
    prompts = make_prompts(tokenizer, 20)
    with FakeServer(tokenizer, flavour) as server:
        sampler = OpenAISampler(server.url + "/v1/", "tiny", tokenizer)
        assert sampler.dialect == dialect
        stats, samples = collect(sampler, prompts, tmp_path)
    assert (stats.drawn, stats.reused, stats.errors) == (40, 0, 0)
    by_key = {(s.question_id, s.draw): s for s in samples}
    close = tokenizer.convert_tokens_to_ids("</think>")
    truncated = 0
    for prompt in prompts:
        for draw in range(2):
            ids, ended = expected(tokenizer, prompt, draw, 60)
            sample = by_key[prompt.question_id, draw]
            assert sample.n_tokens == len(ids)
            assert sample.finish_reason == ("stop" if ended else "length")
            assert sample.reasoning_tokens == (ids.index(close) if close in ids else None)
            assert sample.text == tokenizer.decode(ids[:-1] if ended else ids)
            assert sample.token_ids == (tuple(ids) if flavour == "vllm" else None)
            assert sample.count_method == dialect.count_method
            truncated += not ended
    assert stats.truncated == truncated
    assert stats.tokens == sum(s.n_tokens for s in samples)


def test_what_is_sent_overrides_the_model_s_own_defaults(tokenizer, tmp_path):
    with FakeServer(tokenizer, "vllm") as server:
        sampler = OpenAISampler(server.url, "tiny", tokenizer, allow_greedy=True)
        prompt = make_prompts(tokenizer, 1)[0]
        collect(sampler, [prompt], tmp_path, k=1)
        sent = server.requests[-1]
    assert sent == {
        "model": "tiny",
        "prompt": list(prompt.token_ids),
        "stream": False,
        "max_tokens": 60,
        "temperature": 0.7,
        "top_p": 0.9,
        "top_k": -1,
        "min_p": 0.0,
        "repetition_penalty": 1.0,
        "seed": draw_seed(3, "q-00000", 0),
        "return_token_ids": True,
        "skip_special_tokens": False,
        "spaces_between_special_tokens": False,
    }


def test_a_resumed_run_asks_only_for_what_is_missing_with_the_same_seeds(tokenizer, tmp_path):
    prompts = make_prompts(tokenizer, 5)
    with FakeServer(tokenizer) as server:
        sampler = OpenAISampler(server.url, "tiny", tokenizer, allow_greedy=True)
        collect(sampler, prompts[:3], tmp_path)
        server.requests.clear()
        stats, samples = collect(sampler, prompts, tmp_path)
        seeds = {r["seed"] for r in server.requests}
    assert (stats.drawn, stats.reused) == (4, 6)
    assert seeds == {draw_seed(3, p.question_id, d) for p in prompts[3:] for d in range(2)}
    assert len(samples) == 10


def test_a_prompt_too_long_is_a_sample_and_no_request(tokenizer, tmp_path):
    prompts = make_prompts(tokenizer, 3)
    text = "<|user|>" + "long " * 50 + "<|assistant|>"
    long = Prompt("q-long", text, tuple(tokenizer.encode(text)))
    assert len(long.token_ids) > 100
    with FakeServer(tokenizer, context=100) as server:
        sampler = OpenAISampler(server.url, "tiny", tokenizer, allow_greedy=True)
        assert sampler.context == 100  # from /v1/models
        params = SamplingParams(max_new_tokens=1000)
        stats, samples = collect(sampler, [*prompts, long], tmp_path, k=1, params=params)
        # 100 less the prompt: more would be refused by the server.
        budgets = [r["max_tokens"] for r in server.requests[-3:]]
    assert sorted(budgets) == sorted(100 - len(p.token_ids) for p in prompts)
    assert (stats.drawn, stats.too_long, stats.errors) == (4, 1, 0)
    (sample,) = [s for s in samples if s.finish_reason == "context"]
    assert (sample.question_id, sample.text, sample.n_tokens) == ("q-long", "", 0)


def test_a_server_that_says_too_long_is_believed(tokenizer, tmp_path):
    with FakeServer(tokenizer, "hosted", context=50) as server:
        sampler = OpenAISampler(server.url, "tiny", tokenizer, allow_greedy=True)
        assert sampler.context is None
        stats, _ = collect(sampler, make_prompts(tokenizer, 2), tmp_path, k=1)
    assert (stats.drawn, stats.too_long) == (2, 2)


def test_a_refused_question_is_a_sample_and_ends_nothing(tokenizer, tmp_path):
    prompts = make_prompts(tokenizer, 10)

    def fault(number, body):
        return (
            Fault(422, message="cannot be")
            if body["prompt"] == list(prompts[4].token_ids)
            else None
        )

    with FakeServer(tokenizer, fault=fault) as server:
        sampler = OpenAISampler(server.url, "tiny", tokenizer, allow_greedy=True, patience=QUICK)
        stats, samples = collect(sampler, prompts, tmp_path)
        # 2 refusals and no second try, 18 answers, 1 tiny request beforehand.
        assert len(server.requests) == 21
    assert (stats.drawn, stats.errors) == (20, 2)
    assert {(s.question_id, s.error) for s in samples if s.error} == {("q-00004", "422 cannot be")}


def test_unreachable_and_misused_servers_are_one_line(tokenizer, tmp_path):
    with FakeServer(tokenizer) as gone:
        pass
    with pytest.raises(ServerError, match=r"127.0.0.1:\d+ cannot be reached .*fix: start the"):
        _ = OpenAISampler(gone.url, "tiny", tokenizer).count_method
    with FakeServer(tokenizer, "bare") as server:
        with pytest.raises(ServerError, match="cannot be counted exactly"):
            _ = OpenAISampler(server.url, "tiny", tokenizer, allow_greedy=True).count_method
        sampler = OpenAISampler(
            server.url, "tiny", tokenizer, allow_greedy=True, allow_retokenised=True
        )
        assert sampler.count_method == "retokenised"
        stats, samples = collect(sampler, make_prompts(tokenizer, 2), tmp_path)
        assert stats.drawn == 4
        assert {s.count_method for s in samples} == {"retokenised"}
    with (
        FakeServer(tokenizer, "transformers", adds_bos=False) as server,
        pytest.raises(ServerError, match="adds or drops BOS"),
    ):
        _ = OpenAISampler(server.url, "tiny", tokenizer, allow_greedy=True).count_method
    with (
        FakeServer(tokenizer, "vllm") as a,
        FakeServer(tokenizer, "hosted") as b,
        pytest.raises(ServerError, match="servers of one kind"),
    ):
        _ = OpenAISampler([a.url, b.url], "tiny", tokenizer, allow_greedy=True).count_method
    with FakeServer(tokenizer, "hosted") as server:
        sampler = OpenAISampler(server.url, "tiny", tokenizer, allow_greedy=True)
        with pytest.raises(ConfigError, match="takes no top_k"):
            list(sampler.sample([], SamplingParams(top_k=5)))


def test_the_api_key_is_sent_and_never_shown(tokenizer, tmp_path, caplog):
    key = "hf_SECRET123"
    with FakeServer(tokenizer, api_key=key) as server:
        url = server.url.replace("http://", "http://user:PASSWORD@")
        sampler = OpenAISampler(server.url, "tiny", tokenizer, allow_greedy=True, api_key=key)
        collect(sampler, make_prompts(tokenizer, 2), tmp_path)
        assert key not in repr(sampler)
        with pytest.raises(ServerError, match="API key") as wrong:
            _ = OpenAISampler(
                server.url, "tiny", tokenizer, allow_greedy=True, api_key="hf_WRONG"
            ).count_method
        assert "hf_WRONG" not in str(wrong.value)
    with pytest.raises(ServerError) as gone:
        _ = OpenAISampler(url, "tiny", tokenizer).count_method
    assert "PASSWORD" not in str(gone.value)
    with pytest.raises(ConfigError, match="API key") as broken:
        OpenAISampler("http://x", "tiny", tokenizer, api_key="hf_BAD\n")
    assert "hf_BAD" not in str(broken.value)
    assert key not in caplog.text


def test_several_servers_share_the_work(tokenizer, tmp_path):
    with FakeServer(tokenizer, delay_s=0.01) as a, FakeServer(tokenizer, delay_s=0.01) as b:
        sampler = OpenAISampler([a.url, b.url], "tiny", tokenizer, allow_greedy=True, concurrency=4)
        stats, _ = collect(sampler, make_prompts(tokenizer, 40), tmp_path)
        assert stats.drawn == 80
        assert a.answered + b.answered == 80 + 2
        assert min(a.answered, b.answered) > 25
        assert a.most_in_flight <= 4
        assert b.most_in_flight <= 4


def test_stopping_early_stops_the_requests(tokenizer):
    with FakeServer(tokenizer, delay_s=0.02) as server:
        sampler = OpenAISampler(server.url, "tiny", tokenizer, allow_greedy=True, concurrency=2)
        draws = [Draw(p, 0, 1) for p in make_prompts(tokenizer, 200)]
        groups = sampler.sample(draws, PARAMS)
        next(groups)
        groups.close()
        assert len(server.requests) < 30


def test_a_question_with_a_lone_surrogate_is_sent(tokenizer, tmp_path):
    text = "<|user|>odd \ud800<|assistant|>"
    with FakeServer(tokenizer) as server:
        sampler = OpenAISampler(server.url, "tiny", tokenizer, allow_greedy=True)
        prompt = Prompt("q-odd", text, tuple(tokenizer.encode("odd")))
        stats, _ = collect(sampler, [prompt], tmp_path)
        assert stats.drawn == 2
