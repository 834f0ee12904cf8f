"""How a `Sample` and a `Prompt` become rows of the store, and back, each with its checksum.

A row holds everything its sample says, so it can be read back from a damaged file without the rest
of the database. Text is UTF-8 in which a lone surrogate survives; token ids are unsigned 32-bit
little-endian integers. The checksum (CRC-32 over all other columns) finds damage inside long texts,
which SQLite's own checks do not see. Nothing here opens a file.
"""

import sys
import zlib
from array import array
from collections.abc import Sequence
from typing import Any, cast

import orjson

from .sample import CountMethod, FinishReason, Prompt, Sample

__all__ = [
    "PROMPT_COLUMNS",
    "SAMPLE_COLUMNS",
    "DamagedRowError",
    "decode_prompt",
    "decode_sample",
    "encode_prompt",
    "encode_sample",
]

SAMPLE_COLUMNS = (
    "key",
    "question_id",
    "model",
    "revision",
    "params_hash",
    "draw",
    "seed",
    "n_tokens",
    "reasoning_tokens",
    "count_method",
    "finish_reason",
    "error",
    "text",
    "token_ids",
    "crc",
)
PROMPT_COLUMNS = ("question_id", "text", "token_ids", "crc")

SampleRow = tuple[
    str, str, str, str, str, int, int, int, int | None, str, str,
    bytes | None, bytes, bytes | None, int,
]  # fmt: skip
PromptRow = tuple[str, bytes, bytes, int]


class DamagedRowError(ValueError):
    """A row whose checksum does not fit its content."""


def _text_to_bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _bytes_to_text(data: bytes) -> str:
    return data.decode("utf-8", "surrogatepass")


def _ids_to_bytes(ids: Sequence[int]) -> bytes:
    packed = array("I", ids)
    if sys.byteorder == "big":
        packed.byteswap()
    return packed.tobytes()


def _bytes_to_ids(data: bytes) -> tuple[int, ...]:
    packed = array("I")
    packed.frombytes(data)
    if sys.byteorder == "big":
        packed.byteswap()
    return tuple(packed)


def _crc(*columns: Any) -> int:
    """CRC-32 of columns that are str, int, bytes or None."""
    plain = [c for c in columns if not isinstance(c, bytes)]
    # The lengths say which column a byte belongs to.
    plain.extend(len(c) for c in columns if isinstance(c, bytes))
    crc = zlib.crc32(orjson.dumps(plain))
    for column in columns:
        if isinstance(column, bytes):
            crc = zlib.crc32(column, crc)
    return crc


def encode_sample(sample: Sample) -> SampleRow:
    """The row of one sample, in the order of `SAMPLE_COLUMNS`."""
    columns = (
        sample.key,
        sample.question_id,
        sample.model,
        sample.revision,
        sample.params_hash,
        sample.draw,
        sample.seed,
        sample.n_tokens,
        sample.reasoning_tokens,
        sample.count_method,
        sample.finish_reason,
        None if sample.error is None else _text_to_bytes(sample.error),
        _text_to_bytes(sample.text),
        None if sample.token_ids is None else _ids_to_bytes(sample.token_ids),
    )
    return (*columns, _crc(*columns))


def decode_sample(row: Sequence[Any]) -> Sample:
    """The sample of a row.

    Raises:
        DamagedRowError: the checksum does not fit.
    """
    if len(row) != len(SAMPLE_COLUMNS) or _crc(*row[:-1]) != row[-1]:
        raise DamagedRowError(f"row of sample {row[0]!r}")
    (key, question, model, revision, params, draw, seed, n_tokens, reasoning) = row[:9]
    (method, finish, error, text, ids) = row[9:14]
    return Sample(
        key=key,
        question_id=question,
        model=model,
        revision=revision,
        params_hash=params,
        draw=draw,
        seed=seed,
        text=_bytes_to_text(text),
        token_ids=None if ids is None else _bytes_to_ids(ids),
        n_tokens=n_tokens,
        reasoning_tokens=reasoning,
        count_method=cast(CountMethod, method),
        finish_reason=cast(FinishReason, finish),
        error=None if error is None else _bytes_to_text(error),
    )


def encode_prompt(prompt: Prompt) -> PromptRow:
    """The row of one prompt, in the order of `PROMPT_COLUMNS`."""
    columns = (prompt.question_id, _text_to_bytes(prompt.text), _ids_to_bytes(prompt.token_ids))
    return (*columns, _crc(*columns))


def decode_prompt(row: Sequence[Any]) -> Prompt:
    """The prompt of a row.

    Raises:
        DamagedRowError: the checksum does not fit.
    """
    if len(row) != len(PROMPT_COLUMNS) or _crc(*row[:-1]) != row[-1]:
        raise DamagedRowError(f"row of prompt {row[0]!r}")
    return Prompt(row[0], _bytes_to_text(row[1]), _bytes_to_ids(row[2]))
