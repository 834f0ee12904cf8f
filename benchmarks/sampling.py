"""How fast the server samplers are, beside the least code that could do the same.

    python benchmarks/sampling.py throughput   # at 64, 256, 512 in flight, 64 and 8,192 tokens
    python benchmarks/sampling.py memory       # resident memory over many samples
    python benchmarks/sampling.py store        # cost of the store alone

A stub in a process of its own sleeps 50 ms and answers with a TGI `details` body that was encoded
beforehand. The bare loop is aiohttp + orjson: it posts, parses the JSON, and keeps nothing. Ours is
the whole of `collect_samples`: payloads, counting, samples, SQLite. The two alternate, and the
median of the ratios is what is printed. `AsyncInferenceClient` of huggingface_hub runs beside them.
"""

import argparse
import asyncio
import multiprocessing
import os
import resource
import statistics
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import aiohttp
import orjson
from ratio import print_ratio

from hf_lore.sampling.collect import collect_samples
from hf_lore.sampling.sample import Prompt, Sample, SamplingParams, draw_seed, sample_key
from hf_lore.sampling.store import SampleStore
from hf_lore.sampling.tgi import TGISampler

DELAY_S = 0.05
PROMPT = "<|user|>" + "what is 12 + 30? " * 12 + "<|assistant|><think>\n"


def tiny_tokenizer() -> Any:
    """Byte-level, with R1's think tags; enough to count."""
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    backend = Tokenizer(models.BPE(vocab={c: i for i, c in enumerate(alphabet)}, merges=[]))
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    backend.decoder = decoders.ByteLevel()
    backend.add_special_tokens(["<eos>"])
    backend.add_tokens([AddedToken(t, special=False) for t in ("<think>", "</think>")])
    return PreTrainedTokenizerFast(tokenizer_object=backend, eos_token="<eos>")


def stub_body(tokenizer: Any, n_tokens: int) -> bytes:
    letter, close = tokenizer.encode("a")[0], tokenizer.convert_tokens_to_ids("</think>")
    n_thought = n_tokens * 3 // 4
    ids = [letter] * n_thought + [close] + [letter] * (n_tokens - n_thought - 2)
    ids.append(tokenizer.eos_token_id)
    tokens = [
        {"id": i, "text": tokenizer.decode([i]), "logprob": -0.40625, "special": i == ids[-1]}
        for i in ids
    ]
    return orjson.dumps(
        {
            "generated_text": tokenizer.decode(ids[:-1]),
            "details": {
                "finish_reason": "eos_token",
                "generated_tokens": n_tokens,
                "seed": 1,
                "prefill": [],
                "tokens": tokens,
            },
        }
    )


def serve(body: bytes, delay_s: float, ready: Any) -> None:
    """The stub: a hand-written HTTP server, so that it costs as little as can be."""
    info = orjson.dumps(
        {
            "model_id": "stub",
            "model_sha": "0",
            "max_concurrent_requests": 4096,
            "max_input_tokens": 65536,
            "max_total_tokens": 131072,
        }
    )

    def reply(content: bytes, status: bytes = b"200 OK") -> bytes:
        return (
            b"HTTP/1.1 " + status + b"\r\nContent-Type: application/json\r\nContent-Length: "
            b"%d\r\n\r\n" % len(content)
        ) + content

    answer, info, missing = reply(body), reply(info), reply(b"{}", b"404 Not Found")

    class Stub(asyncio.Protocol):
        def connection_made(self, transport: Any) -> None:
            self.transport, self.buffer, self.last = transport, b"", False

        def data_received(self, data: bytes) -> None:
            self.buffer += data
            while (end := self.buffer.find(b"\r\n\r\n")) >= 0:
                head = self.buffer[:end].lower()
                at = head.find(b"content-length:")
                self.last = b"connection: close" in head
                length = int(head[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
                if len(self.buffer) < end + 4 + length:
                    return
                self.buffer = self.buffer[end + 4 + length :]
                if head.startswith((b"get /info", b"get /v1/models", b"get /health")):
                    self.reply(info)
                elif head.startswith((b"post /generate", b"post /v1/completions", b"post / ")):
                    asyncio.get_running_loop().call_later(delay_s, self.answer)
                else:
                    self.reply(missing)

        def answer(self) -> None:
            self.reply(answer)

        def reply(self, content: bytes) -> None:
            if not self.transport.is_closing():
                self.transport.write(content)
                if self.last:
                    self.transport.close()

    async def main() -> None:
        loop = asyncio.get_running_loop()
        server = await loop.create_server(Stub, "127.0.0.1", 0, backlog=4096)
        ready.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(main())


class StubServer:
    """The stub in a process; a context manager that gives its URL."""

    def __init__(self, body: bytes, delay_s: float = DELAY_S) -> None:
        mine, theirs = multiprocessing.Pipe()
        context = multiprocessing.get_context("fork")
        self._process = context.Process(target=serve, args=(body, delay_s, theirs), daemon=True)
        self._process.start()
        self.url = f"http://127.0.0.1:{mine.recv()}"

    def __enter__(self) -> "StubServer":
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.join()


def run_bare(url: str, n: int, concurrency: int) -> float:
    """Requests a second of the least code: post, read, parse, forget."""
    payload = orjson.dumps({"inputs": PROMPT, "parameters": {"max_new_tokens": 8192}})

    async def main() -> None:
        todo = iter(range(n))
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:

            async def work() -> None:
                for _ in todo:
                    async with session.post(url + "/generate", data=payload) as response:
                        orjson.loads(await response.read())

            await asyncio.gather(*(work() for _ in range(concurrency)))

    start = time.perf_counter()
    asyncio.run(main())
    return n / (time.perf_counter() - start)


def run_ours(url: str, n: int, concurrency: int, tokenizer: Any, n_tokens: int) -> float:
    """Samples a second of `collect_samples`, store included."""
    ids = tuple(tokenizer.encode(PROMPT))
    prompts = [Prompt(f"q-{i:06d}", PROMPT, ids) for i in range(n // 8)]
    params = SamplingParams(max_new_tokens=n_tokens)
    sampler = TGISampler(url, tokenizer, concurrency=concurrency, allow_greedy=True)
    _ = sampler.limits
    with tempfile.TemporaryDirectory() as path, SampleStore(path, "benchmark") as store:
        start = time.perf_counter()
        stats = collect_samples(
            sampler, store, prompts, num_samples=8, params=params, progress=False
        )
        seconds = time.perf_counter() - start
        assert stats.drawn == n // 8 * 8 == len(store)
        assert stats.errors == 0
    return stats.drawn / seconds


def run_hub_client(url: str, n: int, concurrency: int) -> float:
    """Requests a second of huggingface_hub's own client, details asked for."""
    from huggingface_hub import AsyncInferenceClient

    async def main() -> None:
        todo = iter(range(n))
        async with AsyncInferenceClient(base_url=url) as client:

            async def work() -> None:
                for _ in todo:
                    await client.text_generation(PROMPT, details=True, max_new_tokens=8192)

            await asyncio.gather(*(work() for _ in range(concurrency)))

    start = time.perf_counter()
    asyncio.run(main())
    return n / (time.perf_counter() - start)


def measured(run: Callable[..., float], *arguments: Any) -> tuple[float, float]:
    """What `run` returns, and the processor seconds it took in this process."""
    start = time.process_time()
    rate = run(*arguments)
    return rate, time.process_time() - start


def throughput(
    rounds: int, sizes: list[int], in_flight: list[int], requests: int, hub: bool
) -> None:
    tokenizer = tiny_tokenizer()
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, {rounds} alternating rounds")
    print(
        "| tokens | in flight | bare, /s | ours, /s | ours / bare (min, max) | in CPU time | hub |"
    )
    print("|---|---|---|---|---|---|---|")
    most: dict[int, list[float]] = {}
    for n_tokens in sizes:
        n, n_hub = (requests, 256) if n_tokens <= 64 else (max(requests // 20, 64), 16)
        with StubServer(stub_body(tokenizer, n_tokens)) as stub:
            for concurrency in in_flight:
                rates: dict[str, list[float]] = {"bare": [], "ours": []}
                ratios, cpu_ratios = [], []
                for number in range(rounds):
                    cpu_s = {}
                    for name in ("bare", "ours") if number % 2 else ("ours", "bare"):
                        if name == "bare":
                            rate, cpu_s[name] = measured(run_bare, stub.url, n, concurrency)
                        else:
                            rate, cpu_s[name] = measured(
                                run_ours, stub.url, n, concurrency, tokenizer, n_tokens
                            )
                        rates[name].append(rate)
                    ratios.append(rates["ours"][-1] / rates["bare"][-1])
                    cpu_ratios.append(cpu_s["bare"] / cpu_s["ours"])
                peer = f"{run_hub_client(stub.url, n_hub, concurrency):,.0f}" if hub else "-"
                print(
                    f"| {n_tokens:,} | {concurrency} | {statistics.median(rates['bare']):,.0f} "
                    f"| {statistics.median(rates['ours']):,.0f} | {statistics.median(ratios):.2f} "
                    f"({min(ratios):.2f}, {max(ratios):.2f}) | {statistics.median(cpu_ratios):.2f} "
                    f"| {peer} |",
                    flush=True,
                )
                if concurrency == 512:
                    most[n_tokens] = ratios
    for n_tokens, ratios in most.items():
        print_ratio(
            f"sampler at 512 in flight, store included, {n_tokens:,}-token bodies",
            "bare aiohttp + orjson",
            statistics.median(ratios),
            at_least=0.75 if n_tokens <= 64 else 0.9,
            spread=(min(ratios), max(ratios)),
        )


def resident_mb() -> float:
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize() / 1e6


def memory(n_samples: int, n_tokens: int, concurrency: int) -> None:
    """Resident memory above the start, while samples stream from the stub into the store."""
    tokenizer = tiny_tokenizer()
    with StubServer(stub_body(tokenizer, n_tokens), delay_s=0.0) as stub:
        ids = tuple(tokenizer.encode(PROMPT))
        prompts = [Prompt(f"q-{i:06d}", PROMPT, ids) for i in range(n_samples // 8)]
        sampler = TGISampler(stub.url, tokenizer, concurrency=concurrency, allow_greedy=True)
        _ = sampler.limits
        before, most = resident_mb(), [0.0]

        class Watched:
            model, revision, count_method = sampler.model, sampler.revision, "ids"

            def sample(self, *what: Any) -> Iterator[Iterable[Sample]]:
                for group in sampler.sample(*what):
                    most[0] = max(most[0], resident_mb())
                    yield group

        with tempfile.TemporaryDirectory() as path, SampleStore(path, "benchmark") as store:
            stats = collect_samples(
                Watched(), store, prompts, num_samples=8,
                params=SamplingParams(max_new_tokens=n_tokens), progress=False,
            )  # fmt: skip
        print(
            f"{stats.drawn:,} samples of {n_tokens:,} tokens, {concurrency} in flight, in "
            f"{stats.seconds:.0f} s: {most[0] - before:.0f} MB above the start's {before:.0f} MB"
        )


def store_alone() -> None:
    params = SamplingParams()
    for n_tokens, n in ((64, 40_000), (8192, 2_000)):
        ids, text = tuple(range(n_tokens)), "word " * n_tokens
        samples = []
        for i in range(n):
            question, draw = f"q-{i // 8:08d}", i % 8
            key = sample_key(question, "m", "r", params.hash, draw)
            samples.append(
                Sample(key, question, "m", "r", params.hash, draw, draw_seed(0, question, draw),
                       text, ids, n_tokens, n_tokens // 2, "ids", "stop")
            )  # fmt: skip
        with tempfile.TemporaryDirectory() as path:
            with SampleStore(path, "benchmark") as store:
                start = time.perf_counter()
                for at in range(0, n, 64):
                    store.add(samples[at : at + 64])
                store.commit()
                added = time.perf_counter() - start
                start = time.perf_counter()
                assert sum(1 for _ in store) == n
                read = time.perf_counter() - start
            size_mb = sum(f.stat().st_size for f in os.scandir(path)) / 1e6
            start = time.perf_counter()
            SampleStore(path, "benchmark").close()
            checked = time.perf_counter() - start
        print(
            f"{n:,} samples of {n_tokens:,} tokens, {size_mb:.0f} MB: add {1e6 * added / n:.0f} us "
            f"each, read {1e6 * read / n:.0f} us each, checked opening {checked:.2f} s "
            f"({100 * checked / size_mb:.2f} s per 100 MB)"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=["throughput", "memory", "store"])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--sizes", type=int, nargs="+", default=[64, 8192], help="tokens a body")
    parser.add_argument("--in-flight", type=int, nargs="+", default=[64, 256, 512])
    parser.add_argument("--requests", type=int, default=6000, help="a run, 64-token bodies")
    parser.add_argument("--hub", action="store_true", help="huggingface_hub's client beside it")
    parser.add_argument("--samples", type=int, default=200_000)
    parser.add_argument("--tokens", type=int, default=64)
    parser.add_argument("--concurrency", type=int, default=256)
    options = parser.parse_args()
    if options.what == "throughput":
        throughput(options.rounds, options.sizes, options.in_flight, options.requests, options.hub)
    elif options.what == "memory":
        memory(options.samples, options.tokens, options.concurrency)
    else:
        store_alone()


if __name__ == "__main__":
    main()
