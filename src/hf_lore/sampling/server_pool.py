"""Several servers and how busy each is: slots, adaptive concurrency, waiting for the silent.

Each server's limit starts at its cap, grows by one a round of answers and is cut on 429 to what the
server had taken, less a tenth (additive increase, multiplicative decrease). Used from one event
loop at a time.
"""

import asyncio
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit, urlunsplit

__all__ = ["Server", "ServerPool"]

DECREASE = 0.9
# A request as old as this was taken by its server and is being worked on.
TAKEN_AFTER_S = 30.0


@dataclass(slots=True, eq=False)
class Server:
    """One base URL; `limit` moves between 1 and `cap`.

    Args:
        url (`str`): where it is.
        index (`int`): its place among the URLs given.
        cap (`int`): most requests in flight.
    """

    url: str
    index: int
    cap: int
    limit: float = 0.0
    in_flight: int = 0
    closed_until: float = 0.0
    refusals: int = 0
    answers: int = 0
    last_cut: float = 0.0
    label: str = ""

    def __post_init__(self) -> None:
        self.limit = float(self.cap)
        parts = urlsplit(self.url)
        host = parts.netloc.rpartition("@")[2]  # never a password in a message
        self.label = urlunsplit((parts.scheme, host, parts.path, "", ""))

    def lower_cap(self, most: int) -> None:
        self.cap = max(1, min(self.cap, most))
        self.limit = float(self.cap)


@dataclass(slots=True)
class ServerPool:
    """Hands out slots, fairest server first."""

    servers: Sequence[Server]
    requests: int = 0
    overloaded: int = 0
    last_answer: float = 0.0
    _started: dict[object, float] = field(default_factory=dict)
    _waiters: deque[asyncio.Future[None]] = field(default_factory=deque)

    def begin(self) -> None:
        """Forget what an earlier loop left behind."""
        self.requests = self.overloaded = 0
        self.last_answer = time.monotonic()
        self._started.clear()
        self._waiters.clear()
        for server in self.servers:
            server.in_flight = 0
            server.closed_until = 0.0

    async def acquire(self, token: object) -> Server:
        """A slot, as soon as there is one; `token` names the request."""
        loop = asyncio.get_running_loop()
        while True:
            now = loop.time()
            free = [s for s in self.servers if s.in_flight < int(s.limit) and s.closed_until <= now]
            if free:
                server = min(free, key=lambda s: s.in_flight / s.limit)
                server.in_flight += 1
                self.requests += 1
                self._started[token] = now
                return server
            waiter = loop.create_future()
            self._waiters.append(waiter)
            await waiter

    def release(self, server: Server, token: object) -> float:
        """Give the slot back; returns when the request started, in the loop's time."""
        server.in_flight -= 1
        self._wake(1)
        return self._started.pop(token)

    def answered(self, server: Server) -> None:
        server.answers += 1
        server.refusals = 0
        self.last_answer = time.monotonic()
        if server.limit < server.cap:
            server.limit = min(float(server.cap), server.limit + 1 / server.limit)
            self._wake(1)

    def overload(self, server: Server, started: float) -> None:
        """A 429: what is in flight now is all that the server took."""
        self.overloaded += 1
        server.limit = max(1.0, min(server.limit, float(server.in_flight)))
        if started > server.last_cut:
            server.last_cut = asyncio.get_running_loop().time()
            server.limit = max(1.0, DECREASE * server.limit)

    def close_for(self, server: Server, seconds: float) -> None:
        """No new requests to this server for a while."""
        loop = asyncio.get_running_loop()
        server.closed_until = max(server.closed_until, loop.time() + seconds)
        loop.call_at(server.closed_until + 0.001, self._wake, server.cap)

    def silence_s(self) -> float:
        """Seconds since any answer; 0 while a request is old enough to have been taken."""
        now = time.monotonic()  # also the loop's clock
        silence_s = now - self.last_answer
        taken_after_s = min(TAKEN_AFTER_S, silence_s / 2)
        if any(now - started > taken_after_s for started in self._started.values()):
            return 0.0
        return silence_s

    def traffic(self) -> str:
        in_flight = sum(s.in_flight for s in self.servers)
        return f"{in_flight} in flight, {self.overloaded / max(self.requests, 1):.1%} 429"

    def _wake(self, n: int) -> None:
        while n and self._waiters:
            waiter = self._waiters.popleft()
            if not waiter.done():
                waiter.set_result(None)
                n -= 1
