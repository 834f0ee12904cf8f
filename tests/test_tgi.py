"""`TGISampler` against a server with TGI's habits; every exchange checked by TGI's own schema."""

import json
from pathlib import Path

import pytest

from fake_server import FakeServer, Fault, trace_ids
from hf_lore.errors import ConfigError, ServerError
from hf_lore.sampling.collect import collect_samples
from hf_lore.sampling.counting import ThinkTags
from hf_lore.sampling.sample import Draw, Prompt, SamplingParams, draw_seed
from hf_lore.sampling.server_samples import SampleMaker
from hf_lore.sampling.store import SampleStore
from hf_lore.sampling.tgi import TGILimits, TGISampler
from model_fixtures import make_tokenizer

DATA = Path(__file__).parents[1].parent / "shared" / "data" / "tgi"
PARAMS = SamplingParams(temperature=0.6, max_new_tokens=60, seed=3)


@pytest.fixture(scope="module")
def tokenizer():
    return make_tokenizer()


@pytest.fixture(scope="module")
def schema_errors():
    """A function from a schema's name and an instance to the validator's complaints."""
    if not DATA.is_dir():
        pytest.skip(f"TGI's API description is not at {DATA}")
    from openapi_schema_validator import OAS30Validator
    from referencing import Registry, Resource
    from referencing.jsonschema import DRAFT4

    spec = json.loads((DATA / "openapi.json").read_text())
    registry = Registry().with_resource("urn:tgi", Resource(spec, DRAFT4))

    def errors(name: str, instance: object) -> list[str]:
        schema = {"$ref": f"urn:tgi#/components/schemas/{name}"}
        validator = OAS30Validator(schema, registry=registry)
        found = validator.iter_errors(instance)
        return [f"{'.'.join(map(str, e.path))}: {e.message}" for e in found]

    return errors


def make_prompts(tokenizer, n: int) -> list[Prompt]:
    texts = [f"<|user|>question {i}<|assistant|><think>\n" for i in range(n)]
    return [
        Prompt(f"q-{i:05d}", text, tuple(tokenizer.encode(text))) for i, text in enumerate(texts)
    ]


def collect(sampler, prompts, path, *, k=2, params=PARAMS):
    with SampleStore(path, "f") as store:
        stats = collect_samples(sampler, store, prompts, num_samples=k, params=params)
        return stats, list(store)


@pytest.mark.parametrize(
    "params",
    [
        PARAMS,
        SamplingParams(temperature=1.0, top_p=0.95, top_k=20, max_new_tokens=2000),
        SamplingParams(temperature=0.01, max_new_tokens=1),
    ],
)
def test_every_exchange_fits_tgi_s_own_description(tokenizer, tmp_path, schema_errors, params):
    def fault(number, body):
        return {5: Fault(424), 6: Fault(429), 7: Fault(500), 8: Fault(422)}.get(number)

    with FakeServer(tokenizer, "tgi", fault=fault) as server:
        sampler = TGISampler(server.url, tokenizer, allow_greedy=True)
        assert (sampler.model, sampler.revision) == ("tiny", "abc")
        stats, _ = collect(sampler, make_prompts(tokenizer, 10), tmp_path, params=params)
    assert (stats.drawn, stats.errors) == (20, 1)
    assert len(server.requests) == 24  # one beforehand, 20 draws, three again
    for body in server.requests:
        assert schema_errors("GenerateRequest", body) == []
    replies = {"/generate": "GenerateResponse", "/info": "Info", "/tokenize": "TokenizeResponse"}
    seen = set()
    for path, _, status, reply in server.exchanges:
        name = replies.get(path, "ErrorResponse")
        assert schema_errors(name, reply) == []
        seen.add((name, status))
    assert {code for name, code in seen if name == "ErrorResponse"} == {422, 424, 429, 500}


def test_recorded_responses_of_real_servers_are_read(tokenizer, schema_errors):
    files = sorted((DATA / "responses").glob("*all_params.json"))
    assert len(files) == 4
    finishes, lengths = [], []
    sampler = TGISampler("http://x", tokenizer)
    maker = SampleMaker("m", "r", tokenizer, ThinkTags(), "ids", PARAMS)
    for file in files:
        body = file.read_bytes()
        reply = json.loads(body)
        # The one thing in which the description errs: real servers send null for `top_tokens`.
        assert {e.split(":")[0] for e in schema_errors("GenerateResponse", reply)} == {
            "details.top_tokens"
        }
        draw = Draw(Prompt("q", "x", (1,)), 0, 1)
        sample = sampler._read(maker, draw, len(reply["details"]["tokens"]), body, 0)
        assert sample.token_ids == tuple(t["id"] for t in reply["details"]["tokens"])
        assert sample.n_tokens == reply["details"]["generated_tokens"]
        finishes.append(sample.finish_reason)
        lengths.append(sample.n_tokens)
    # bloom: length; deepseek: eos_token; llama: stop_sequence; qwen2: length.
    assert finishes == ["length", "stop", "stop", "length"]
    assert lengths == [10, 4, 5, 10]


def test_draws_are_what_the_seeds_make_them(tokenizer, tmp_path):
    prompts = make_prompts(tokenizer, 15)
    with FakeServer(tokenizer, "tgi") as server:
        _, samples = collect(
            TGISampler(server.url, tokenizer, allow_greedy=True), prompts, tmp_path
        )
    close = tokenizer.convert_tokens_to_ids("</think>")
    by_id = {p.question_id: p for p in prompts}
    for sample in samples:
        prompt = by_id[sample.question_id]
        seed = draw_seed(3, prompt.question_id, sample.draw)
        ids, ended = trace_ids(tokenizer, tokenizer.decode(list(prompt.token_ids)), seed, 60)
        assert sample.token_ids == tuple(ids)
        assert sample.reasoning_tokens == (ids.index(close) if close in ids else None)
        assert sample.finish_reason == ("stop" if ended else "length")
        assert sample.text == tokenizer.decode(ids[:-1] if ended else ids)
    assert {s.count_method for s in samples} == {"ids"}


def test_what_is_sent_avoids_every_trap(tokenizer, tmp_path):
    (prompt,) = make_prompts(tokenizer, 1)
    with FakeServer(tokenizer, "tgi") as server:
        collect(TGISampler(server.url, tokenizer, allow_greedy=True), [prompt], tmp_path, k=1)
        assert server.requests[-1] == {
            "inputs": prompt.text,
            "parameters": {
                "do_sample": True,
                "temperature": 0.6,
                "max_new_tokens": 60,
                "seed": draw_seed(3, "q-00000", 0),
                "details": True,
                "return_full_text": False,
            },
        }
        doubled = Prompt("q", tokenizer.bos_token + prompt.text, prompt.token_ids)
        with pytest.raises(ConfigError, match="which TGI adds by itself"):
            list(
                TGISampler(server.url, tokenizer, allow_greedy=True).sample(
                    [Draw(doubled, 0, 1)], PARAMS
                )
            )


def test_the_overshoot_of_the_last_pass_is_cut(tokenizer, tmp_path):
    params = SamplingParams(max_new_tokens=1500)
    with FakeServer(tokenizer, "tgi", long_traces=True) as server:
        stats, samples = collect(
            TGISampler(server.url, tokenizer, allow_greedy=True),
            make_prompts(tokenizer, 1),
            tmp_path,
            params=params,
        )
        # Two passes of 1,024: the server made 2,048 tokens.
        assert server.exchanges[-1][3]["details"]["generated_tokens"] == 2048
    assert stats.truncated == 2
    assert {s.n_tokens for s in samples} == {1500}
    assert {len(s.token_ids) for s in samples} == {1500}
    assert {s.text for s in samples} == {"a" * 1500}


def test_a_stop_short_of_the_budget_is_no_data(tokenizer, tmp_path):
    with FakeServer(tokenizer, "tgi", long_traces=True, info={"stops_after": 40}) as server:
        stats, samples = collect(
            TGISampler(server.url, tokenizer, allow_greedy=True),
            make_prompts(tokenizer, 1),
            tmp_path,
        )
    assert (stats.drawn, stats.errors, stats.truncated) == (2, 2, 0)
    assert "stopped after 40 of 60 tokens" in samples[0].error
    assert "--max-input-tokens" in samples[0].error


@pytest.mark.parametrize(
    ("n_prompt", "asked", "budget"),
    [
        (100, 500, 500),
        (4000, 500, 96),  # 4096 in all
        (4001, 500, 0),  # no prompt beyond 4000
        # Passes begin at 1000, 2024 and 3048 but not at 4072: 3,072 tokens, of 3,096 in all.
        (1000, 4000, 3072),
        (929, 4000, 3072),  # begin at 929, 1953 and 2977; the next would be at 4001
        (928, 4000, 3168),  # begins at 4000 too: the total decides, 4096 - 928
    ],
)
def test_the_budget_that_a_server_s_limits_leave(n_prompt, asked, budget):
    assert TGILimits(4000, 4096, 128).budget(n_prompt, asked) == budget


def test_limits_that_the_budget_does_not_fit_name_the_flags(tokenizer, tmp_path):
    (prompt,) = make_prompts(tokenizer, 1)
    n = len(prompt.token_ids)
    with FakeServer(tokenizer, "tgi") as server:
        sampler = TGISampler(server.url, tokenizer, allow_greedy=True)
        with pytest.raises(ServerError) as error:
            list(sampler.sample([Draw(prompt, 0, 1)], SamplingParams(max_new_tokens=20_480)))
        # 20 passes: the last begins 19 * 1024 = 19,456 tokens after the prompt.
        assert f"--max-input-tokens {n + 19_456} --max-total-tokens {n + 20_480}" in str(
            error.value
        )


def test_a_prompt_too_long_is_a_sample_and_no_request(tokenizer, tmp_path):
    text = "<|user|>" + "long " * 1000 + "<|assistant|>"
    long = Prompt("q-long", text, tuple(tokenizer.encode(text)))
    assert len(long.token_ids) > 4000
    with FakeServer(tokenizer, "tgi") as server:
        sampler = TGISampler(server.url, tokenizer, allow_greedy=True)
        stats, samples = collect(sampler, [*make_prompts(tokenizer, 2), long], tmp_path)
        assert len(server.requests) == 1 + 4
    assert (stats.drawn, stats.too_long) == (6, 2)
    assert {s.question_id for s in samples if s.finish_reason == "context"} == {"q-long"}


def test_wrong_servers_are_told_apart_before_a_run(tokenizer):
    with (
        FakeServer(tokenizer, "tgi", greedy=True) as server,
        pytest.raises(ServerError, match="decodes greedily"),
    ):
        _ = TGISampler(server.url, tokenizer, allow_greedy=True).model
    with (
        FakeServer(tokenizer, "vllm") as server,
        pytest.raises(ServerError, match="not TGI's"),
    ):
        _ = TGISampler(server.url, tokenizer, allow_greedy=True).model
    with (
        FakeServer(tokenizer, "tgi") as server,
        pytest.raises(ServerError, match="use the tokenizer of the model"),
    ):
        _ = TGISampler(server.url, make_tokenizer(adds_bos=False)).model
    with (
        FakeServer(tokenizer, "tgi") as a,
        FakeServer(tokenizer, "tgi", model="other") as b,
        pytest.raises(ServerError, match=r"other at abc, .* serves tiny at abc"),
    ):
        _ = TGISampler([a.url, b.url], tokenizer, allow_greedy=True).model


def test_never_more_requests_than_the_server_takes(tokenizer, tmp_path):
    info = {"max_concurrent_requests": 5}
    with FakeServer(tokenizer, "tgi", delay_s=0.01, cap=5, info=info) as server:
        sampler = TGISampler(server.url, tokenizer, allow_greedy=True, concurrency=100)
        stats, _ = collect(sampler, make_prompts(tokenizer, 30), tmp_path)
        assert stats.drawn == 60
        assert server.most_in_flight == 5
        assert server.n_429 == 0


def test_a_special_token_inside_the_trace_is_kept_in_the_text(tokenizer):
    maker = SampleMaker("m", "r", tokenizer, ThinkTags(), "ids", PARAMS)
    ids = [*tokenizer.encode("a<|user|>b", add_special_tokens=False), tokenizer.eos_token_id]
    draw = Draw(Prompt("q", "x", (1,)), 0, 1)
    assert maker.from_ids(draw, ids, "ab", "stop").text == "a<|user|>b"
    # EOS as the last token that the budget allowed: servers say "length".
    assert maker.from_ids(draw, ids, "ab", "length").finish_reason == "stop"
