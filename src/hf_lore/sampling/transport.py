"""HTTP to one or several inference servers: saturate them, retry what a retry can mend.

- No hidden pool cap, connections kept alive, no total time-out: a long trace takes what it takes.
- Each server has a concurrency of its own: at most the user's and the server's own limit, grown by
  one a round and cut on 429 (additive increase, multiplicative decrease).
- 408, 424, 429, 5xx, broken connections and bodies that break off or are no JSON are retried with
  jittered, capped back-off that honours Retry-After; 400, 413 and 422 never.
- A request is given up only if its server answers others meanwhile; a server that answers nobody is
  waited for, and then is an error of the run.

Everything asynchronous lives in a thread of its own, so callers are ordinary generators. Keys are
sent in one header and appear in no message. Proxies of the environment are not used.
"""

import asyncio
import queue
import random
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar
from urllib.parse import urlsplit

import aiohttp
from yarl import URL

from ..errors import ConfigError, ServerError
from .server_pool import Server, ServerPool
from .wire import (
    error_text,
    kept_alive_socket,
    parse_json,
    retry_after_seconds,
    run_in_thread,
)

__all__ = ["BadReplyError", "Failure", "Job", "Patience", "Transport"]

T = TypeVar("T")
K = TypeVar("K")

REFUSED = frozenset({400, 413, 422})
RETRIED = frozenset({408, 424, 429, 500, 502, 503, 504})
FIRST_WAIT_S, LONGEST_WAIT_S = 0.1, 10.0
# Finished samples are handed over this often, in groups.
HAND_OVER_S = 0.05
MESSAGE_CHARACTERS = 300


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to wait for what.

    Args:
        answer_s (`float`, defaults to 3600): for the first byte of an answer, generation included.
        body_s (`float`, defaults to 60): for the next piece of a body that has begun.
        silence_s (`float`, defaults to 600): for servers that answer nobody.
        attempts (`int`, defaults to 12): tries of one request while its server answers others.
    """

    answer_s: float = 3600.0
    body_s: float = 60.0
    silence_s: float = 600.0
    attempts: int = 12


class BadReplyError(ValueError):
    """An answer with status 200 that is not what was asked for; worth another try."""


@dataclass(frozen=True, slots=True, eq=False)
class Job(Generic[K]):
    """One request: `item` is the caller's own, handed back with the answer."""

    item: K
    payload: bytes


@dataclass(frozen=True, slots=True)
class Failure:
    """A request that ended for good; `status` 0 where there was no answer at all."""

    status: int
    message: str


class Transport:
    """Sends jobs to servers and yields what they answer.

    Args:
        base_urls: one or more, `http://host:port` with or without a path.
        concurrency (`int`): most requests in flight to one server.
        api_key (`str`, *optional*): sent as a bearer token.
        patience (`Patience`, *optional*).

    Raises:
        ConfigError: a URL or key that cannot be used.
    """

    def __init__(
        self,
        base_urls: str | Sequence[str],
        *,
        concurrency: int,
        api_key: str | None = None,
        patience: Patience | None = None,
    ) -> None:
        urls = [base_urls] if isinstance(base_urls, str) else list(base_urls)
        if not urls:
            raise ConfigError("no server is named; fix: pass a URL such as http://localhost:8080")
        if concurrency < 1:
            raise ConfigError(f"concurrency is {concurrency}; fix: at least 1")
        for url in urls:
            parts = urlsplit(url)
            if parts.scheme not in ("http", "https") or not parts.hostname:
                raise ConfigError(
                    f"{url.rpartition('@')[2]!r} is no server URL; fix: one such as "
                    "http://localhost:8080"
                )
        if api_key is not None and not (api_key.isascii() and api_key.isprintable() and api_key):
            raise ConfigError(
                "the API key is empty or has line breaks or non-ASCII characters in it; fix: pass "
                "it as it was issued"
            )
        servers = [Server(url.rstrip("/"), i, concurrency) for i, url in enumerate(urls)]
        self._pool = ServerPool(servers)
        self._api_key = api_key
        self._patience = patience or Patience()

    @property
    def labels(self) -> list[str]:
        """The servers' URLs, fit to be shown."""
        return [s.label for s in self._pool.servers]

    def only(self, index: int) -> "Transport":
        """A transport to one of the servers alone."""
        server = self._pool.servers[index]
        return Transport(
            server.url,
            concurrency=server.cap,
            api_key=self._api_key,
            patience=self._patience,
        )

    def limit_concurrency(self, index: int, most: int) -> None:
        """Lower one server's cap to what it says it takes."""
        self._pool.servers[index].lower_cap(most)

    def traffic(self) -> str:
        """Requests in flight and the share answered 429, for a progress bar."""
        return self._pool.traffic()

    # ---- single requests, for looking at a server before a run ----

    def request(
        self, index: int, method: str, path: str, payload: bytes | None = None
    ) -> tuple[int, Any]:
        """One request to one server, connection errors retried for a few seconds.

        Returns:
            The status, and the parsed JSON body or, where it is none, its text.

        Raises:
            ServerError: the server cannot be reached.
        """
        server = self._pool.servers[index]

        async def attempt() -> tuple[int, Any]:
            async with self._session() as session:
                wait_s = FIRST_WAIT_S
                while True:
                    try:
                        async with (
                            asyncio.timeout(self._patience.answer_s) as timer,
                            session.request(method, server.url + path, data=payload) as response,
                        ):
                            status = response.status
                            body = await self._read(response, timer)
                    except (aiohttp.ClientError, OSError, TimeoutError) as error:
                        if wait_s > 1:
                            raise self._unreachable(server, error) from None
                    else:
                        if status not in (429, 502, 503, 504) or wait_s > LONGEST_WAIT_S:
                            return status, parse_json(body)
                    await asyncio.sleep(wait_s)
                    wait_s *= 2

        return run_in_thread(attempt())

    def _unreachable(self, server: Server, error: BaseException) -> ServerError:
        return ServerError(
            f"{server.label} cannot be reached ({self._say(error)}); fix: start the server, or "
            "correct the URL"
        )

    # ---- many requests ----

    def stream(
        self,
        path: str,
        jobs: Iterable[Job[K]],
        on_answer: Callable[[K, bytes, int], T],
        on_failure: Callable[[K, Failure], T],
    ) -> Iterator[list[T]]:
        """Post all jobs, as many at once as the servers take, and yield results as they arrive.

        Args:
            path: below each base URL.
            jobs: read lazily, one for each free slot.
            on_answer: item, body and index of the server to result; may raise `BadReplyError`.
            on_failure: item and failure to result, for requests refused or given up.

        Raises:
            ServerError: no server answers any more, or one refuses all there is (401, 404 …).
        """
        out: queue.Queue[list[T] | BaseException | None] = queue.Queue(maxsize=4)
        ready: list[T] = []
        loop = asyncio.new_event_loop()
        task = loop.create_task(self._pump(path, iter(jobs), on_answer, on_failure, ready, out))

        def run() -> None:
            try:
                loop.run_until_complete(task)
            except asyncio.CancelledError:
                pass
            except BaseException as error:  # noqa: BLE001  handed to the consumer
                out.put(error)
            else:
                out.put(None)
            finally:
                loop.close()

        thread = threading.Thread(target=run, name="hf-lore-transport", daemon=True)
        thread.start()
        try:
            while (group := out.get()) is not None:
                if isinstance(group, BaseException):
                    raise group
                yield group
        finally:
            if thread.is_alive():
                if not loop.is_closed():
                    loop.call_soon_threadsafe(task.cancel)
                while thread.is_alive():
                    while not out.empty():
                        out.get()
                    thread.join(0.05)

    async def _pump(
        self,
        path: str,
        jobs: Iterator[Job[K]],
        on_answer: Callable[[K, bytes, int], T],
        on_failure: Callable[[K, Failure], T],
        ready: list[T],
        out: "queue.Queue[list[T] | BaseException | None]",
    ) -> None:
        urls = [URL(s.url + path) for s in self._pool.servers]
        n_workers = sum(s.cap for s in self._pool.servers)
        most_ready = max(n_workers, 64)
        room = asyncio.Event()
        room.set()
        self._pool.begin()

        async def work() -> None:
            for job in jobs:
                ready.append(await self._settle(session, urls, job, on_answer, on_failure))
                if len(ready) >= most_ready:
                    room.clear()
                    await room.wait()

        async def hand_over() -> None:
            while True:
                await asyncio.sleep(HAND_OVER_S)
                if ready and not out.full():
                    out.put_nowait(ready.copy())
                    ready.clear()
                    room.set()

        async with self._session() as session:
            workers = [asyncio.create_task(work()) for _ in range(n_workers)]
            courier = asyncio.create_task(hand_over())
            try:
                await asyncio.gather(*workers)
                while ready:
                    await asyncio.sleep(HAND_OVER_S)
            finally:
                for task in (*workers, courier):
                    task.cancel()
                await asyncio.gather(*workers, courier, return_exceptions=True)

    async def _settle(
        self,
        session: aiohttp.ClientSession,
        urls: Sequence[URL],
        job: Job[K],
        on_answer: Callable[[K, bytes, int], T],
        on_failure: Callable[[K, Failure], T],
    ) -> T:
        """Send one job until it is answered, refused, or given up."""
        tries, waits = 0, 0
        answers_before: dict[Server, int] = {}
        while True:
            server = await self._pool.acquire(job)
            status, retry_after_s, refused = 0, None, False
            try:
                async with (
                    asyncio.timeout(self._patience.answer_s) as timer,
                    session.post(
                        urls[server.index], data=job.payload, allow_redirects=False
                    ) as response,
                ):
                    status = response.status
                    if status != 200:
                        retry_after_s = retry_after_seconds(response.headers.get("Retry-After"))
                    body = await self._read(response, timer)
                if status == 200:
                    result = on_answer(job.item, body, server.index)
                    self._pool.answered(server)
                    return result
                message = f"{status} {self._say(error_text(body))}"
            except BadReplyError as error:
                message = f"unusable answer: {self._say(error)}"
            except aiohttp.ClientConnectorError as error:
                message, refused = self._say(error), True
            except (aiohttp.ClientError, OSError, TimeoutError) as error:
                message, status = self._say(error), 0
            finally:
                started = self._pool.release(server, job)
            if status in REFUSED:
                self._pool.answered(server)
                return on_failure(job.item, Failure(status, message))
            if status not in RETRIED and status not in (0, 200):
                raise ServerError(
                    f"{server.label} answers {message}; fix: check the URL, the model's name "
                    "and the API key"
                )
            if status == 429:
                self._pool.overload(server, started)
            elif server.answers > answers_before.get(server, -1):
                # The server answered others since this job's last try: the job is at fault.
                answers_before[server] = server.answers
                tries += 1
                if tries > self._patience.attempts:
                    return on_failure(job.item, Failure(status, f"given up: {message}"))
            silence_s = self._pool.silence_s()
            if silence_s > self._patience.silence_s:
                raise ServerError(
                    f"{', '.join(self.labels)} answered nothing for {silence_s:.0f} s (last: "
                    f"{message}); fix: restart the server, then run the same command again, which "
                    "resumes"
                )
            if refused:
                server.refusals += server.in_flight == 0
            wait_s = min(
                LONGEST_WAIT_S, FIRST_WAIT_S * 2 ** min(server.refusals if refused else waits, 10)
            )
            waits += 1
            if retry_after_s is not None or refused:
                closed_s = wait_s if retry_after_s is None else retry_after_s
                self._pool.close_for(server, closed_s)
            await asyncio.sleep(wait_s * random.uniform(0.5, 1.0))

    # ---- one exchange ----

    def _session(self) -> aiohttp.ClientSession:
        headers = {"Content-Type": "application/json"}
        if self._api_key is not None:
            headers["Authorization"] = f"Bearer {self._api_key}"
        return aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                limit=0, keepalive_timeout=75, socket_factory=kept_alive_socket
            ),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=30),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers=headers,
        )

    async def _read(self, response: aiohttp.ClientResponse, timer: asyncio.Timeout) -> bytes:
        """The body; every piece of it moves the time-out on. Most bodies are there at once."""
        content, loop = response.content, asyncio.get_running_loop()
        if content.is_eof():
            return content.read_nowait()
        pieces: list[bytes] = []
        while True:
            timer.reschedule(loop.time() + self._patience.body_s)
            piece = await content.readany()
            if not piece:
                return b"".join(pieces)
            pieces.append(piece)

    def _say(self, what: object) -> str:
        """One short line without the key."""
        text = str(what) or type(what).__name__
        if isinstance(what, TimeoutError):
            text = "no answer in time"
        if self._api_key is not None:
            text = text.replace(self._api_key, "***")
        return " ".join(text.split())[:MESSAGE_CHARACTERS]
