"""`probe`: what a server is fit for, and that no run starts against a greedy one."""

import pytest

from fake_server import FakeServer
from hf_lore.errors import ServerError
from hf_lore.sampling.collect import collect_samples
from hf_lore.sampling.draw_check import CHECK_DRAWS
from hf_lore.sampling.openai import OpenAISampler
from hf_lore.sampling.probe import probe, server_sampler
from hf_lore.sampling.sample import Prompt, SamplingParams
from hf_lore.sampling.store import SampleStore
from hf_lore.sampling.tgi import TGISampler
from model_fixtures import make_tokenizer

PARAMS = SamplingParams(temperature=0.6, max_new_tokens=100)


@pytest.fixture(scope="module")
def tokenizer():
    return make_tokenizer()


@pytest.mark.parametrize(
    ("flavour", "kind", "method", "n"),
    [
        ("vllm", "openai", "ids", True),
        ("hosted", "openai", "logprobs", True),
        ("transformers", "openai", "usage", False),
        ("tgi", "tgi", "ids", None),
    ],
)
def test_each_kind_of_server_is_recognised(tokenizer, flavour, kind, method, n):
    with FakeServer(tokenizer, flavour) as server:
        report = probe(server.url, tokenizer, PARAMS)
    assert (report.kind, report.count_method, report.honours_n) == (kind, method, n)
    assert (report.model, report.draws, report.distinct) == ("tiny", 8, 8)
    assert report.concurrency == (128 if kind == "tgi" else None)
    assert report.usable, report.problems
    assert report.lines()[-1] == "usable        yes"


@pytest.mark.parametrize("flavour", ["vllm", "transformers"])
def test_a_greedy_server_is_named_and_no_run_starts(tokenizer, tmp_path, flavour):
    text = "<|user|>x<|assistant|>"
    prompts = [Prompt("q", text, tuple(tokenizer.encode(text)))]

    def collect(sampler, path):
        with SampleStore(path, "f") as store:
            return collect_samples(sampler, store, prompts, num_samples=4, params=PARAMS)

    with FakeServer(tokenizer, flavour, greedy=True) as server:
        report = probe(server.url, tokenizer, PARAMS)
        assert (report.draws, report.distinct, report.usable) == (8, 1, False)
        assert '"do_sample": true' in report.problems[0]
        with pytest.raises(ServerError, match="one answer to draws of different seeds"):
            collect(OpenAISampler(server.url, "tiny", tokenizer), tmp_path / "a")
        override = OpenAISampler(server.url, "tiny", tokenizer, allow_greedy=True)
        assert collect(override, tmp_path / "b").drawn == 4
    # One greedy server among several is found too.
    with (
        FakeServer(tokenizer, flavour) as good,
        FakeServer(tokenizer, flavour, greedy=True) as bad,
        pytest.raises(ServerError, match=bad.url),
    ):
        collect(OpenAISampler([good.url, bad.url], "tiny", tokenizer), tmp_path / "c")


def test_a_run_looks_once_and_stores_none_of_it(tokenizer, tmp_path):
    text = "<|user|>x<|assistant|>"
    prompts = [Prompt("q", text, tuple(tokenizer.encode(text)))]
    with FakeServer(tokenizer, "tgi") as server:
        sampler = TGISampler(server.url, tokenizer)
        with SampleStore(tmp_path, "f") as store:
            for k in (2, 4):
                collect_samples(sampler, store, prompts, num_samples=k, params=PARAMS)
            assert len(store) == 4
        # One answer looked at, 8 draws compared, 4 samples.
        assert len(server.requests) == 1 + CHECK_DRAWS + 4


def test_limits_that_do_not_fit_name_what_to_change(tokenizer):
    long = SamplingParams(max_new_tokens=20_480)
    with FakeServer(tokenizer, "vllm", context=4096) as server:
        report = probe(server.url, tokenizer, long)
        assert (report.context, report.usable) == (4096, False)
        assert "--max-model-len" in report.problems[0]
    with FakeServer(tokenizer, "tgi") as server:
        report = probe(server.url, tokenizer, long, longest_prompt=500)
        # 500 + 19 * 1024 begin the last pass, 500 + 20480 in all.
        assert "--max-input-tokens 19956 --max-total-tokens 20980" in report.problems[0]
        assert report.distinct == 8  # looked at all the same


def test_servers_that_cannot_be_used_at_all_are_one_line(tokenizer):
    with FakeServer(tokenizer) as gone:
        pass
    with pytest.raises(ServerError, match="cannot be reached"):
        probe(gone.url, tokenizer, PARAMS)
    with (
        FakeServer(tokenizer, "bare") as server,
        pytest.raises(ServerError, match="cannot be counted"),
    ):
        probe(server.url, tokenizer, PARAMS)
    with (
        FakeServer(tokenizer, "tgi", greedy=True) as server,
        pytest.raises(ServerError, match="decodes greedily"),
    ):
        probe(server.url, tokenizer, PARAMS)
    with FakeServer(tokenizer, api_key="right") as server:
        with pytest.raises(ServerError, match="API key"):
            probe(server.url, tokenizer, PARAMS, api_key="wrong")
        assert probe(server.url, tokenizer, PARAMS, api_key="right").usable


def test_the_one_model_served_needs_no_name(tokenizer):
    with FakeServer(tokenizer, model="org/model") as server:
        assert server_sampler(server.url + "/v1", tokenizer).model == "org/model"
