"""Faults through a real socket: each must cost nothing but time.

Every test compares with an undisturbed run: the same samples, none missing, none twice. Equal
samples give equal verdicts and an equal selection.
"""

import threading
import time

import pytest

from fake_server import FakeServer, Fault
from hf_lore.errors import ConfigError, ServerError
from hf_lore.sampling.collect import collect_samples
from hf_lore.sampling.openai import OpenAISampler
from hf_lore.sampling.sample import Prompt, SamplingParams
from hf_lore.sampling.store import SampleStore
from hf_lore.sampling.tgi import TGISampler
from hf_lore.sampling.transport import Patience, Transport
from model_fixtures import make_tokenizer

PARAMS = SamplingParams(temperature=0.7, max_new_tokens=60)
QUICK = Patience(answer_s=5, body_s=0.2, silence_s=20, attempts=12)


@pytest.fixture(scope="module")
def tokenizer():
    return make_tokenizer()


@pytest.fixture(scope="module")
def prompts(tokenizer):
    texts = [f"<|user|>question {i}<|assistant|><think>\n" for i in range(40)]
    return [
        Prompt(f"q-{i:05d}", text, tuple(tokenizer.encode(text))) for i, text in enumerate(texts)
    ]


def draw_all(sampler, prompts, path):
    with SampleStore(path, "f") as store:
        stats = collect_samples(sampler, store, prompts, num_samples=2, params=PARAMS)
    with SampleStore(path, "f", read_only=True) as store:
        samples = list(store)
    assert stats.drawn + stats.reused == len(samples) == 2 * len(prompts)
    assert len({s.key for s in samples}) == len(samples)
    return stats, samples


@pytest.fixture(scope="module")
def undisturbed(tokenizer, prompts, tmp_path_factory):
    samples = {}
    for flavour in ("vllm", "tgi"):
        with FakeServer(tokenizer, flavour) as server:
            sampler = make_sampler(flavour, server.url, tokenizer)
            path = tmp_path_factory.mktemp(flavour)
            samples[flavour] = draw_all(sampler, prompts, path)[1]
    return samples


def make_sampler(flavour, url, tokenizer, concurrency=32, patience=QUICK):
    if flavour == "tgi":
        return TGISampler(
            url,
            tokenizer,
            model="tiny",
            revision="main",
            concurrency=concurrency,
            patience=patience,
        )
    return OpenAISampler(url, "tiny", tokenizer, concurrency=concurrency, patience=patience)


def first_two_of_three(fault: Fault):
    """Two of three draws go wrong twice, then right; requests before the run are left alone."""
    seen: dict[int, int] = {}

    def decide(_number, body):
        seed = body.get("seed", body.get("parameters", {}).get("seed"))
        seen[seed] = seen.get(seed, 0) + 1
        return fault if seed > 1 and seed % 3 and seen[seed] <= 2 else None

    return decide


@pytest.mark.parametrize(
    "fault",
    [
        Fault(424),
        Fault(429),
        Fault(429, retry_after="0.03"),
        Fault(500),
        Fault(502),
        Fault(503, retry_after="Wed, 21 Oct 2015 07:28:00 GMT"),
        Fault(504),
        Fault(kind="reset"),
        Fault(kind="half"),
        Fault(kind="garbage"),
        Fault(kind="empty"),
        Fault(kind="stall"),
    ],
    ids=lambda f: f.kind if f.kind != "status" else f"{f.status}-{f.retry_after or 'plain'}"[:12],
)
@pytest.mark.parametrize("flavour", ["vllm", "tgi"])
def test_passing_faults_cost_nothing(tokenizer, prompts, undisturbed, tmp_path, flavour, fault):
    with FakeServer(tokenizer, flavour, fault=first_two_of_three(fault)) as server:
        stats, samples = draw_all(make_sampler(flavour, server.url, tokenizer), prompts, tmp_path)
        # About two thirds of 80 draws were asked for three times.
        assert len(server.requests) > 150
    assert stats.errors == 0
    assert samples == undisturbed[flavour]


def test_a_storm_of_429_finds_the_server_s_own_limit(tokenizer, prompts, undisturbed, tmp_path):
    with FakeServer(tokenizer, cap=6, delay_s=0.02) as server:
        sampler = make_sampler("vllm", server.url, tokenizer, concurrency=64)
        _, samples = draw_all(sampler, prompts, tmp_path)
        assert samples == undisturbed["vllm"]
        assert server.most_in_flight == 6
        # The first burst of 64 costs 58 refusals; from then on few are above the limit.
        assert 58 <= server.n_429 < 58 + 60
        assert "429" in sampler.traffic()


def test_a_server_killed_and_restarted_costs_nothing(tokenizer, prompts, undisturbed, tmp_path):
    first = FakeServer(tokenizer, delay_s=0.1)
    first.__enter__()
    restarted = FakeServer(tokenizer, port=first.port)

    def accident():
        while first.answered < 20:
            time.sleep(0.01)
        first.__exit__()
        time.sleep(1.0)  # refused connections meanwhile
        restarted.__enter__()

    thread = threading.Thread(target=accident)
    thread.start()
    try:
        sampler = make_sampler("vllm", first.url, tokenizer, concurrency=8)
        stats, samples = draw_all(sampler, prompts, tmp_path)
    finally:
        thread.join()
        restarted.__exit__()
    assert samples == undisturbed["vllm"]
    assert stats.errors == 0
    assert restarted.answered > 0


def test_of_two_servers_one_may_die_for_good(tokenizer, prompts, undisturbed, tmp_path):
    with FakeServer(tokenizer, delay_s=0.02) as stays:
        dies = FakeServer(tokenizer, delay_s=0.02)
        dies.__enter__()

        def accident():
            while dies.answered < 10:
                time.sleep(0.005)
            dies.__exit__()

        thread = threading.Thread(target=accident)
        thread.start()
        sampler = make_sampler("vllm", [stays.url, dies.url], tokenizer, concurrency=4)
        _, samples = draw_all(sampler, prompts, tmp_path)
        thread.join()
    assert samples == undisturbed["vllm"]


def test_a_server_that_dies_ends_the_run_and_what_came_is_kept(
    tokenizer, prompts, undisturbed, tmp_path
):
    server = FakeServer(tokenizer, delay_s=0.03)
    server.__enter__()
    patience = Patience(answer_s=5, body_s=1, silence_s=1.0, attempts=3)
    sampler = make_sampler("vllm", server.url, tokenizer, concurrency=4, patience=patience)

    def accident():
        while server.answered < 30:
            time.sleep(0.005)
        server.__exit__()

    thread = threading.Thread(target=accident)
    thread.start()
    start = time.monotonic()
    with pytest.raises(ServerError, match=r"answered nothing for \d s .* resumes"):
        draw_all(sampler, prompts, tmp_path)
    assert time.monotonic() - start < 15
    thread.join()
    with SampleStore(tmp_path, "f", read_only=True) as store:
        kept = list(store)
    assert 20 <= len(kept) < 80
    assert set(kept) <= set(undisturbed["vllm"])
    with FakeServer(tokenizer) as again:
        sampler = make_sampler("vllm", again.url, tokenizer)
        stats, samples = draw_all(sampler, prompts, tmp_path)
    assert stats.reused == len(kept)
    assert samples == undisturbed["vllm"]


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (Fault(422, message="no"), "422 no"),
        (Fault(400, message="no"), "400 no"),
        (Fault(500, message="crash"), "given up: 500 crash"),
        (Fault(kind="garbage"), "given up: unusable answer: JSONDecodeError"),
        (Fault(kind="reset"), "given up: Server disconnected"),
    ],
)
def test_one_poisonous_question_ends_no_run(
    tokenizer, prompts, undisturbed, tmp_path, fault, error
):
    bad = list(prompts[7].token_ids)
    patience = Patience(answer_s=5, body_s=1, silence_s=20, attempts=2)
    with FakeServer(
        tokenizer, delay_s=0.05, fault=lambda _, body: fault if body["prompt"] == bad else None
    ) as server:
        sampler = make_sampler("vllm", server.url, tokenizer, concurrency=4, patience=patience)
        stats, samples = draw_all(sampler, prompts, tmp_path)
    wrong = [s for s in samples if s.finish_reason == "error"]
    assert stats.errors == 2
    assert {s.question_id for s in wrong} == {"q-00007"}
    assert all(s.error.startswith(error) for s in wrong)
    others = [s for s in undisturbed["vllm"] if s.question_id != "q-00007"]
    assert [s for s in samples if s.finish_reason != "error"] == others


@pytest.mark.parametrize("status", [401, 403, 404, 405])
def test_what_no_retry_mends_ends_the_run_at_once(tokenizer, prompts, tmp_path, status):
    def fault(number, _body):
        return Fault(status, message="not here") if number > 5 else None

    with FakeServer(tokenizer, fault=fault) as server:
        sampler = make_sampler("vllm", server.url, tokenizer)
        with pytest.raises(ServerError, match=f"answers {status} not here; fix: check the URL"):
            draw_all(sampler, prompts, tmp_path)


def test_no_cap_hides_in_the_connection_pool(tokenizer, tmp_path):
    """300 requests that take 0.3 s each are all in flight at once; a pool of 100 needs 0.9 s."""
    texts = [f"<|user|>{i}<|assistant|>" for i in range(150)]
    prompts = [Prompt(f"q-{t}", t, tuple(tokenizer.encode(t))) for t in texts]
    with FakeServer(tokenizer, delay_s=0.3) as server:
        sampler = make_sampler("vllm", server.url, tokenizer, concurrency=400)
        draw_all(sampler, prompts, tmp_path)
        assert server.most_in_flight > 250


def test_settings_that_make_no_sense_are_one_line():
    with pytest.raises(ConfigError, match="no server is named"):
        Transport([], concurrency=1)
    with pytest.raises(ConfigError, match="concurrency is 0"):
        Transport("http://x", concurrency=0)
    for url in ("localhost:8080", "ftp://x", "http://", "user:SECRET@host"):
        with pytest.raises(ConfigError, match="no server URL") as error:
            Transport(url, concurrency=1)
        assert "SECRET" not in str(error.value)
