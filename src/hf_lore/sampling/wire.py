"""Small things that the transport needs: JSON bodies, error texts, headers, sockets, a thread."""

import asyncio
import json
import socket
import threading
import time
from collections.abc import Coroutine
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar

import orjson

__all__ = [
    "encode_json",
    "error_text",
    "kept_alive_socket",
    "parse_json",
    "retry_after_seconds",
    "run_in_thread",
]

T = TypeVar("T")

LONGEST_RETRY_AFTER_S = 120.0


def encode_json(body: object) -> bytes:
    """Compact JSON; a lone surrogate, which orjson refuses, goes out escaped."""
    try:
        return orjson.dumps(body)
    except TypeError:
        return json.dumps(body).encode()


def kept_alive_socket(address: Any) -> socket.socket:
    """A socket whose dead peer is noticed after some two minutes, however long an answer takes."""
    family, kind, protocol, _, _ = address
    made = socket.socket(family, kind, protocol)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in (("TCP_KEEPIDLE", 60), ("TCP_KEEPINTVL", 10), ("TCP_KEEPCNT", 6)):
        if hasattr(socket, option):  # not everywhere
            made.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), value)
    return made


def parse_json(body: bytes) -> Any:
    """The body as JSON or, where it is none, as text."""
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return body.decode("utf-8", "replace")


def error_text(body: bytes) -> str:
    """What a server says is wrong: OpenAI's, TGI's and FastAPI's shapes, or the text itself."""
    parsed = parse_json(body)
    for name in ("error", "message", "detail"):
        if isinstance(parsed, dict) and parsed.get(name):
            parsed = parsed[name]
    return parsed if isinstance(parsed, str) else orjson.dumps(parsed).decode()


def retry_after_seconds(header: str | None) -> float | None:
    """Seconds or an HTTP date, capped; None where absent or meaningless."""
    if not header:
        return None
    try:
        seconds = float(header)
    except ValueError:
        try:
            seconds = parsedate_to_datetime(header).timestamp() - time.time()
        except ValueError:
            return None
    return min(max(seconds, 0.0), LONGEST_RETRY_AFTER_S)


def run_in_thread(work: Coroutine[Any, Any, T]) -> T:
    """Run to the end in a loop and thread of its own: the caller may already be in a loop."""
    results: list[T] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            results.append(asyncio.run(work))
        except BaseException as error:  # noqa: BLE001  raised again by the caller's thread
            errors.append(error)

    thread = threading.Thread(target=run, name="hf-lore-request")
    thread.start()
    thread.join()
    if errors:
        raise errors[0]
    return results[0]
