"""`OpenAISampler` against a real `transformers serve`, with and without continuous batching."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from hf_lore.errors import ServerError
from hf_lore.sampling.collect import collect_samples
from hf_lore.sampling.openai import Dialect, OpenAISampler
from hf_lore.sampling.probe import probe
from hf_lore.sampling.sample import Prompt, SamplingParams
from hf_lore.sampling.store import SampleStore
from model_fixtures import make_llama, make_tokenizer

PROGRAM = shutil.which("transformers", path=str(Path(sys.executable).parent))
PARAMS = SamplingParams(temperature=1.0, max_new_tokens=40, seed=1)


@contextmanager
def serving(model: Path, log: Path, *flags: str) -> Iterator[str]:
    """The URL of a server of its own, stopped at the end."""
    if PROGRAM is None:
        pytest.skip("the `transformers` program is not beside this Python")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [PROGRAM, "serve", str(model), "--host", "127.0.0.1", "--port", str(port)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
    with log.open("w") as out:
        process = subprocess.Popen(
            [*command, "--device", "cpu", *flags],
            stdout=out,
            stderr=subprocess.STDOUT,
            env=environment,
            start_new_session=True,
        )
    url = f"http://127.0.0.1:{port}"
    try:
        deadline = time.monotonic() + 240
        while True:
            try:
                urllib.request.urlopen(url + "/health", timeout=2).close()
                break
            except (urllib.error.URLError, OSError):
                assert process.poll() is None, log.read_text()[-2000:]
                assert time.monotonic() < deadline
                time.sleep(0.2)
        yield url
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def save_model(path: Path, *, do_sample: bool):
    tokenizer = make_tokenizer()
    model = make_llama(tokenizer, context=128)
    model.generation_config.do_sample = do_sample
    model.save_pretrained(path)
    tokenizer.save_pretrained(path)
    return type(tokenizer).from_pretrained(path)


@pytest.mark.slow
@pytest.mark.parametrize(
    "flags",
    [(), ("--continuous-batching", "--cb-num-blocks", "128", "--cb-max-batch-tokens", "64")],
    ids=["plain", "continuous-batching"],
)
def test_a_real_server_end_to_end(tmp_path, flags):
    model = tmp_path / "model"
    tokenizer = save_model(model, do_sample=True)
    texts = [f"<|user|>question {i}<|assistant|><think>\n" for i in range(6)]
    texts.append("<|user|>" + "too long " * 30 + "<|assistant|>")
    prompts = [
        Prompt(f"q-{i}", text, tuple(tokenizer.encode(text))) for i, text in enumerate(texts)
    ]
    with serving(model, tmp_path / "log", *flags) as url:
        sampler = OpenAISampler(url, str(model), tokenizer, concurrency=8)
        # The facts this sampler rests on: text prompts only, no fields of ours, counts by usage.
        assert sampler.dialect == Dialect(False, False, False, "usage")
        assert sampler.context == 128  # from the configuration beside the tokenizer
        with SampleStore(tmp_path / "store", "f") as store:
            stats = collect_samples(sampler, store, prompts, num_samples=3, params=PARAMS)
            samples = list(store)
        report = probe(url, tokenizer, PARAMS, model=str(model))
    assert (stats.drawn, stats.too_long, stats.errors) == (21, 3, 0)
    drawn = [s for s in samples if s.finish_reason != "context"]
    assert len({s.text for s in drawn}) > 12  # random weights at temperature 1
    for sample in drawn:
        assert 1 <= sample.n_tokens <= 40
        assert (sample.n_tokens == 40) == (sample.finish_reason == "length")
        assert sample.token_ids is None
    assert (report.count_method, report.honours_n) == ("usage", False)
    assert report.distinct > 1


@pytest.mark.slow
def test_a_real_greedy_server_is_refused(tmp_path):
    model = tmp_path / "model"
    tokenizer = save_model(model, do_sample=False)
    text = "<|user|>x<|assistant|>"
    prompts = [Prompt("q", text, tuple(tokenizer.encode(text)))]
    with serving(model, tmp_path / "log") as url, SampleStore(tmp_path / "store", "f") as store:
        sampler = OpenAISampler(url, str(model), tokenizer)
        with pytest.raises(ServerError, match='"do_sample": true'):
            collect_samples(sampler, store, prompts, num_samples=2, params=PARAMS)
        assert len(store) == 0
