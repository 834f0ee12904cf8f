"""Inference servers for tests: real sockets, answers that depend only on prompt and seed, faults.

`FakeServer` speaks `/v1/completions` as vLLM, as `transformers serve` or as a hosted endpoint does,
and TGI's native `/generate`. What it answers is a pure function of prompt and seed, so an
undisturbed run and a disturbed one can be compared sample by sample. `fault` decides, for each
request, whether it goes wrong, and how. Runs in a thread, on a free port of 127.0.0.1.
"""

import asyncio
import hashlib
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

import orjson
from aiohttp import web

Flavour = Literal["vllm", "transformers", "hosted", "bare", "tgi"]
PLAIN_FIELDS = {
    "model", "prompt", "max_tokens", "temperature", "top_p", "seed", "stream", "logprobs", "n",
    "stop", "echo", "user",
}  # fmt: skip


@dataclass(frozen=True)
class Fault:
    """How one request goes wrong.

    `status` answers with that code; `kind` breaks the exchange: "reset" the connection, "half" the
    body, "garbage" instead of JSON, "stall" in the middle of the body, "empty" JSON object.
    """

    status: int = 200
    kind: Literal["status", "reset", "half", "garbage", "stall", "empty"] = "status"
    message: str = "injected"
    retry_after: str | None = None


def trace_ids(tokenizer: Any, prompt: str, seed: int, limit: int) -> tuple[list[int], bool]:
    """Ids of a trace, and whether it ended by itself: 3 to 40 letters, then an answer."""
    digest = hashlib.sha256(f"{prompt}|{seed}".encode()).digest()
    n_thought = 3 + digest[0] % 38
    thought = "".join(chr(97 + digest[1 + i % 31] % 26) for i in range(n_thought))
    text = f"{thought}\n</think>\n\\boxed{{{digest[1] % 5}}}"
    ids = [*tokenizer.encode(text, add_special_tokens=False), tokenizer.eos_token_id]
    return ids[:limit], len(ids) <= limit


@dataclass
class FakeServer:
    """A context manager; `url` is set once it runs."""

    tokenizer: Any
    flavour: Flavour = "vllm"
    fault: Callable[[int, dict], Fault | None] = lambda number, body: None
    delay_s: float = 0.0
    cap: int = 10**6
    context: int | None = None
    adds_bos: bool = True
    greedy: bool = False
    long_traces: bool = False
    api_key: str | None = None
    model: str = "tiny"
    info: dict = field(default_factory=dict)
    port: int = 0
    requests: list[dict] = field(default_factory=list)
    answered: int = 0
    most_in_flight: int = 0
    in_flight: int = 0
    n_429: int = 0
    exchanges: list[tuple[str, Any, int, Any]] = field(default_factory=list)

    def __enter__(self) -> "FakeServer":
        self._loop = asyncio.new_event_loop()
        ready = threading.Event()

        async def serve() -> None:
            app = web.Application(client_max_size=2**26)
            app.router.add_get("/v1/models", self._models)
            app.router.add_get("/info", self._info)
            app.router.add_get("/health", self._models)
            app.router.add_post("/v1/completions", self._post)
            app.router.add_post("/generate", self._post)
            app.router.add_post("/tokenize", self._tokenize)
            self._runner = web.AppRunner(app, shutdown_timeout=0.1)
            await self._runner.setup()
            site = web.TCPSite(self._runner, "127.0.0.1", self.port, backlog=4096)
            await site.start()
            self.port = self._runner.addresses[0][1]
            self.url = f"http://127.0.0.1:{self.port}"
            ready.set()

        def run() -> None:
            asyncio.set_event_loop(self._loop)
            self._loop.run_until_complete(serve())
            self._loop.run_forever()

        self._thread = threading.Thread(target=run, daemon=True)
        self._thread.start()
        assert ready.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        async def stop() -> None:
            await self._runner.cleanup()

        asyncio.run_coroutine_threadsafe(stop(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    # ---- endpoints ----

    async def _models(self, request: web.Request) -> web.Response:
        if self._unauthorised(request):
            return web.json_response({"error": "bad key"}, status=401)
        card = {"id": self.model, "object": "model"}
        if self.flavour == "vllm" and self.context:
            card["max_model_len"] = self.context
        return web.json_response({"object": "list", "data": [card]})

    async def _info(self, request: web.Request) -> web.Response:
        if self.flavour != "tgi":
            return web.json_response({"detail": "Not Found"}, status=404)
        info = {
            "model_id": self.model, "model_sha": "abc", "model_pipeline_tag": "text-generation",
            "max_concurrent_requests": 128, "max_best_of": 2, "max_stop_sequences": 4,
            "max_input_tokens": 4000, "max_total_tokens": 4096, "validation_workers": 2,
            "max_client_batch_size": 4, "router": "text-generation-router", "version": "3.3.4",
            "sha": None, "docker_label": None,
        }  # fmt: skip
        answer = {**info, **{k: v for k, v in self.info.items() if k in info}}
        self.exchanges.append(("/info", None, 200, answer))
        return web.json_response(answer)

    async def _tokenize(self, request: web.Request) -> web.Response:
        body = orjson.loads(await request.read())
        ids = self.tokenizer.encode(body["inputs"], add_special_tokens=True)
        listed = [{"id": i, "text": "", "start": 0, "stop": 0} for i in ids]
        self.exchanges.append(("/tokenize", body, 200, listed))
        return web.json_response(listed)

    def _unauthorised(self, request: web.Request) -> bool:
        return self.api_key is not None and (
            request.headers.get("Authorization") != f"Bearer {self.api_key}"
        )

    async def _post(self, request: web.Request) -> web.StreamResponse:
        if self._unauthorised(request):
            return web.json_response({"error": f"bad key {self.api_key}"}, status=401)
        body = orjson.loads(await request.read())
        self.requests.append(body)
        number = len(self.requests)
        if self.in_flight >= self.cap:
            self.n_429 += 1
            return self._refuse(Fault(429, message="Model is overloaded"))
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        try:
            if self.delay_s:
                await asyncio.sleep(self.delay_s)
            fault = self.fault(number, body)
            if fault is not None and fault.kind == "status":
                return self._refuse(fault)
            answer = self._generate(body) if self.flavour == "tgi" else self._complete(body)
            if isinstance(answer, Fault):
                return self._refuse(answer)
            if fault is not None:
                return await self._break(request, fault, orjson.dumps(answer))
            self.answered += 1
            self.exchanges.append((request.path, body, 200, answer))
            return web.Response(body=orjson.dumps(answer), content_type="application/json")
        finally:
            self.in_flight -= 1

    def _refuse(self, fault: Fault) -> web.Response:
        headers = {"Retry-After": fault.retry_after} if fault.retry_after else {}
        names = {422: "validation", 424: "generation", 429: "overloaded"}
        if self.flavour == "transformers":
            body = {"detail": fault.message}
        elif self.flavour == "tgi":
            kind = names.get(fault.status, "incomplete_generation")
            body = {"error": fault.message, "error_type": kind}
        else:
            body = {"error": {"message": fault.message, "code": fault.status}}
        self.exchanges.append(("/refused", None, fault.status, body))
        return web.json_response(body, status=fault.status, headers=headers)

    async def _break(self, request: web.Request, fault: Fault, body: bytes) -> web.StreamResponse:
        if fault.kind == "reset":
            request.transport.abort()
            return web.Response()
        if fault.kind in ("garbage", "empty"):
            text = b'{"choices": [{"tex' if fault.kind == "garbage" else b"{}"
            return web.Response(body=text, content_type="application/json")
        response = web.StreamResponse(headers={"Content-Length": str(len(body))})
        await response.prepare(request)
        await response.write(body[: len(body) // 2])
        if fault.kind == "stall":
            await asyncio.sleep(30)
        request.transport.close()
        return response

    # ---- answers ----

    def _ids_of(self, prompt: Any) -> list[int] | None:
        if isinstance(prompt, list):
            return prompt if self.flavour in ("vllm", "hosted") else None
        return self.tokenizer.encode(prompt, add_special_tokens=self.adds_bos)

    def _trace(self, ids: list[int], seed: int | None, limit: int) -> tuple[list[int], bool]:
        seed = 0 if self.greedy or seed is None else seed
        if self.long_traces:  # one letter again and again, never an end
            return [self.tokenizer.encode("a", add_special_tokens=False)[0]] * limit, False
        return trace_ids(self.tokenizer, self.tokenizer.decode(ids), seed, limit)

    def _complete(self, body: dict) -> dict | Fault:
        extras = set(body) - PLAIN_FIELDS
        if self.flavour == "transformers" and extras:
            return Fault(422, message=f"Unexpected fields in the request: {extras}")
        if self.flavour == "hosted" and extras:
            return Fault(400, message=f"Unrecognized request argument supplied: {extras}")
        prompt_ids = self._ids_of(body["prompt"])
        if prompt_ids is None:
            return Fault(400, message="prompt must be a string.")
        if self.context and len(prompt_ids) + body["max_tokens"] > self.context:
            return Fault(
                400,
                message=f"This model's maximum context length is {self.context} tokens. However, "
                f"you requested {len(prompt_ids) + body['max_tokens']} tokens.",
            )
        ids, ended = self._trace(prompt_ids, body.get("seed"), body["max_tokens"])
        shown = ids[:-1] if ended else ids
        choice = {
            "index": 0,
            "text": self.tokenizer.decode(shown),
            "finish_reason": "stop" if ended else "length",
            "logprobs": None,
        }
        if self.flavour == "vllm" and body.get("return_token_ids"):
            choice |= {"token_ids": ids, "prompt_token_ids": prompt_ids}
        if self.flavour in ("vllm", "hosted") and body.get("logprobs"):
            pieces = [self.tokenizer.decode([i]) for i in ids]
            choice["logprobs"] = {"tokens": pieces, "token_logprobs": [-1.0] * len(ids)}
        reply = {"id": "cmpl", "object": "text_completion", "model": self.model}
        if self.flavour != "bare":
            reply["usage"] = {
                "prompt_tokens": len(prompt_ids),
                "completion_tokens": len(ids),
                "total_tokens": len(prompt_ids) + len(ids),
            }
        n = body.get("n", 1) if self.flavour in ("vllm", "hosted") else 1
        return {**reply, "choices": [choice] * n}

    def _generate(self, body: dict) -> dict | Fault:
        """TGI's `/generate`, with its traps: greedy by default, BOS always added."""
        p = body.get("parameters", {})
        for wrong, why in (
            (p.get("temperature") is not None and p["temperature"] <= 0, "`temperature`"),
            (p.get("top_p") is not None and not 0 < p["top_p"] < 1, "`top_p`"),
            (p.get("top_k") is not None and p["top_k"] <= 0, "`top_k`"),
            (p.get("max_new_tokens") == 0, "`max_new_tokens`"),
            (not body["inputs"], "`inputs`"),
            ((p.get("best_of") or 1) > 1, "`best_of`"),
        ):
            if wrong:
                return Fault(422, message=f"Input validation error: {why} is wrong")
        prompt_ids = self.tokenizer.encode(body["inputs"], add_special_tokens=True)
        limit = {"max_input_tokens": 4000, "max_total_tokens": 4096, **self.info}
        if len(prompt_ids) > limit["max_input_tokens"]:
            return Fault(
                422,
                message="Input validation error: `inputs` must have less than "
                f"{limit['max_input_tokens']} tokens. Given: {len(prompt_ids)}",
            )
        asked = p.get("max_new_tokens", 100)
        if len(prompt_ids) + asked > limit["max_total_tokens"]:
            return Fault(
                422,
                message="Input validation error: `inputs` tokens + `max_new_tokens` must be <= "
                f"{limit['max_total_tokens']}",
            )
        greedy = self.greedy or not p.get("do_sample", False)
        # Passes of `pass_tokens` are not cut at the budget, but after the pass that reaches it.
        most = asked if asked <= 1024 else -(-asked // 1024) * 1024
        if "stops_after" in limit:  # a limit that /info does not tell
            most = min(most, limit["stops_after"])
        ids, ended = self._trace(prompt_ids, 0 if greedy else p.get("seed"), most)
        tokens = [
            {
                "id": i,
                "text": self.tokenizer.decode([i]),
                "logprob": -1.0,
                "special": i in self.tokenizer.all_special_ids,
            }
            for i in ids
        ]
        reply: dict[str, Any] = {
            "generated_text": self.tokenizer.decode(ids, skip_special_tokens=True)
        }
        if p.get("details"):
            reply["details"] = {
                "finish_reason": "eos_token" if ended else "length",
                "generated_tokens": len(ids),
                "seed": None if greedy else p.get("seed"),
                "prefill": [],
                "tokens": tokens,
                "best_of_sequences": None,
            }
        return reply
