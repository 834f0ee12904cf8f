"""`collect_samples`: what is owed is drawn, once, also after kill -9; gaps are errors."""

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from fake_server import FakeServer
from hf_lore.errors import ConfigError, HfLoreError, RunMismatchError
from hf_lore.sampling.collect import collect_samples
from hf_lore.sampling.openai import OpenAISampler
from hf_lore.sampling.sample import Prompt, Sample, SamplingParams, draw_seed, sample_key
from hf_lore.sampling.store import SampleStore
from model_fixtures import make_tokenizer

PARAMS = SamplingParams(max_new_tokens=60, seed=5)


class ListSampler:
    """Yields what `change` makes of the samples asked for."""

    model, revision, count_method = "m", "r", "ids"

    def __init__(self, change=lambda samples: samples):
        self.change = change
        self.asked = []

    def sample(self, draws, params, done=frozenset()):
        made = []
        for d in draws:
            question = d.prompt.question_id
            key = sample_key(question, "m", "r", params.hash, d.number)
            if key not in done:
                self.asked.append((question, d.number, d.seed))
                made.append(
                    Sample(key, question, "m", "r", params.hash, d.number, d.seed, "t",
                           (1, 2), 2, 1, "ids", "stop")
                )  # fmt: skip
        for sample in self.change(made):
            yield [sample]


PROMPTS = [Prompt(f"q-{i}", f"text {i}", (1, i)) for i in range(3)]


def run(sampler, path, k=2, prompts=PROMPTS, **options):
    with SampleStore(path, "f") as store:
        return collect_samples(sampler, store, prompts, num_samples=k, params=PARAMS, **options)


def test_draws_what_is_owed_with_seeds_of_their_own(tmp_path):
    sampler = ListSampler()
    stats = run(sampler, tmp_path)
    assert (stats.drawn, stats.reused, stats.tokens) == (6, 0, 12)
    assert sampler.asked == [
        (f"q-{i}", n, draw_seed(5, f"q-{i}", n)) for i in range(3) for n in range(2)
    ]
    assert len({seed for _, _, seed in sampler.asked}) == 6
    # More draws of more questions: only the new ones.
    more = [*PROMPTS, Prompt("q-9", "text", (9,))]
    sampler = ListSampler()
    stats = run(sampler, tmp_path, k=3, prompts=more)
    assert (stats.drawn, stats.reused) == (6, 6)
    assert {(q, n) for q, n, _ in sampler.asked} == {
        ("q-0", 2), ("q-1", 2), ("q-2", 2), ("q-9", 0), ("q-9", 1), ("q-9", 2),
    }  # fmt: skip
    with SampleStore(tmp_path, read_only=True) as store:
        assert list(store.prompts()) == more
    # Nothing owed: the sampler is not even started.
    assert run(ListSampler(lambda _: 1 / 0), tmp_path).reused == 6


def test_a_sampler_that_does_not_keep_its_word_is_an_error(tmp_path):
    with pytest.raises(HfLoreError, match="2 of 6 samples were never drawn"):
        run(ListSampler(lambda s: s[:4]), tmp_path / "a")
    with pytest.raises(HfLoreError, match="yielded before"):
        run(ListSampler(lambda s: [s[0], s[0]]), tmp_path / "b")
    with pytest.raises(HfLoreError, match="not asked for"):
        run(ListSampler(lambda s: [replace(s[0], key="s-stray")]), tmp_path / "c")
    with pytest.raises(RunMismatchError, match="counted by usage, the run by ids"):
        run(ListSampler(lambda s: [replace(s[0], count_method="usage")]), tmp_path / "d")
    # What came before the fault is kept.
    with SampleStore(tmp_path / "a", read_only=True) as store:
        assert len(store) == 4


def test_nothing_to_draw_is_one_line(tmp_path):
    with pytest.raises(ConfigError, match="num_samples is 0"):
        run(ListSampler(), tmp_path, k=0)
    with pytest.raises(ConfigError, match="twice"):
        run(ListSampler(), tmp_path, prompts=[PROMPTS[0], PROMPTS[0]])


def test_the_bar_shows_what_a_user_waits_for(tmp_path, capsys):
    def cut(samples):
        return [replace(samples[0], finish_reason="length"), *samples[1:]]

    run(ListSampler(cut), tmp_path, progress=True)
    shown = capsys.readouterr().err
    for part in ("6/6", "sample/s", "tokens/s", "17% cut"):  # one of six
        assert part in shown
    run(ListSampler(cut), tmp_path / "quiet")
    assert capsys.readouterr().err == ""  # no terminal here


WORKER = """
import os, sys
from fake_server import FakeServer
from hf_lore.sampling.collect import collect_samples
from hf_lore.sampling.openai import OpenAISampler
from hf_lore.sampling.store import SampleStore
from model_fixtures import make_tokenizer
from test_collect import PARAMS, make_prompts

url, path, forks = sys.argv[1:]
tokenizer = make_tokenizer()
if forks == "1" and (child := os.fork()):  # a launcher, whose worker samples
    os.waitpid(child, 0)
    sys.exit()
sampler = OpenAISampler(url, "tiny", tokenizer, concurrency=4, allow_greedy=True)
with SampleStore(path, "f") as store:
    collect_samples(sampler, store, make_prompts(tokenizer), num_samples=4, params=PARAMS)
"""


def make_prompts(tokenizer) -> list[Prompt]:
    texts = [f"<|user|>question {i}<|assistant|><think>\n" for i in range(40)]
    return [
        Prompt(f"q-{i:05d}", text, tuple(tokenizer.encode(text))) for i, text in enumerate(texts)
    ]


def start_worker(url: str, path: Path, *, forks: bool = False) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-c", WORKER, url, str(path), str(int(forks))],
        cwd=Path(__file__).parent,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        start_new_session=True,
    )


def wait_for(condition, seconds=120):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.fixture(scope="module")
def tokenizer():
    return make_tokenizer()


@pytest.fixture(scope="module")
def undisturbed(tokenizer, tmp_path_factory):
    path = tmp_path_factory.mktemp("undisturbed")
    with FakeServer(tokenizer) as server, SampleStore(path, "f") as store:
        sampler = OpenAISampler(server.url, "tiny", tokenizer, allow_greedy=True)
        prompts = make_prompts(tokenizer)
        collect_samples(sampler, store, prompts, num_samples=4, params=PARAMS)
        return list(store)


def test_kill_9_loses_nothing_committed_and_draws_nothing_twice(tokenizer, undisturbed, tmp_path):
    prompts = make_prompts(tokenizer)
    with FakeServer(tokenizer, delay_s=0.1) as server:
        for n_answers in (30, 75):  # killed twice
            worker = start_worker(server.url, tmp_path)
            wait_for(lambda n=n_answers: server.answered > n)
            os.killpg(worker.pid, signal.SIGKILL)
            worker.wait()
        time.sleep(0.3)  # the server notices that nobody listens
        with SampleStore(tmp_path, "f") as store:
            kept = list(store)
            # At 40 answers a second: at most 0.5 s and 4 in flight lost, twice.
            assert 25 < len(kept) < 160
            assert set(kept) <= set(undisturbed)
            server.requests.clear()
            server.delay_s = 0
            sampler = OpenAISampler(server.url, "tiny", tokenizer, allow_greedy=True)
            stats = collect_samples(sampler, store, prompts, num_samples=4, params=PARAMS)
            assert (stats.reused, stats.drawn) == (len(kept), 160 - len(kept))
            assert list(store) == undisturbed
        # No committed draw was asked for again, and the lost ones with the same seeds.
        asked = [r["seed"] for r in server.requests if r["max_tokens"] == 60]
        missing = {s.seed for s in undisturbed} - {s.seed for s in kept}
        assert sorted(asked) == sorted(missing)


def test_killing_only_the_parent_lets_no_second_writer_in(tokenizer, undisturbed, tmp_path):
    with FakeServer(tokenizer, delay_s=0.1) as server:
        parent = start_worker(server.url, tmp_path, forks=True)
        wait_for(lambda: server.answered > 20)
        parent.kill()
        parent.wait()
        with pytest.raises(ConfigError, match=r"process \d+ is writing"):
            SampleStore(tmp_path, "f")
        server.delay_s = 0  # the orphan finishes its work

        def is_free():
            try:
                SampleStore(tmp_path, "f").close()
            except ConfigError:
                return False
            return True

        wait_for(is_free, 30)
        with SampleStore(tmp_path, read_only=True) as store:
            assert list(store) == undisturbed
        assert server.answered == 160 + 1
