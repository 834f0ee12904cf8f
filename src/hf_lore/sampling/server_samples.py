"""What both server samplers make of an answer: a finished `Sample`, counted, or one without text.

Reasoning tokens are counted with the functions of `counting`; the tags' ids are looked up once.
"""

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .counting import (
    ThinkTags,
    count_from_ids,
    count_from_pieces,
    count_from_usage,
    count_retokenised,
)
from .sample import CountMethod, Draw, FinishReason, Sample, SamplingParams, sample_key
from .transport import Failure

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

__all__ = ["SampleMaker", "local_context_tokens", "says_too_long", "special_ids"]

# How vLLM, SGLang, TGI and hosted endpoints word it.
_TOO_LONG = re.compile(
    r"context (length|window)|maximum (context|model) len|max_model_len|longer than the model"
    r"|inputs?`? (tokens \+|must have less than)|input is too long|prompt is too long"
    r"|(input|prompt) .{0,40}exceeds",
    re.IGNORECASE | re.DOTALL,
)


def says_too_long(message: str) -> bool:
    """Whether a refusal is about a prompt that does not fit the model's context."""
    return _TOO_LONG.search(message) is not None


def special_ids(tokenizer: "PreTrainedTokenizerBase") -> frozenset[int]:
    """Ids that a server's text leaves out: also of control tokens that have no role by name."""
    flagged = (i for i, token in tokenizer.added_tokens_decoder.items() if token.special)
    return frozenset(tokenizer.all_special_ids).union(flagged)


def local_context_tokens(tokenizer: "PreTrainedTokenizerBase") -> int | None:
    """The context of the model beside a tokenizer that was loaded from a directory, if any."""
    file = Path(str(getattr(tokenizer, "name_or_path", "") or "")) / "config.json"
    if not file.is_file():
        return None
    context = json.loads(file.read_text("utf-8")).get("max_position_embeddings")
    return int(context) if isinstance(context, int) else None


class _TagCodec:
    """The tokenizer, with the encodings of the think tags remembered."""

    def __init__(self, tokenizer: "PreTrainedTokenizerBase", tags: ThinkTags | None) -> None:
        self._tokenizer = tokenizer
        self._known: dict[str, list[int]] = {}
        for tag in (tags.open, tags.close) if tags else ():
            self._known[tag] = list(tokenizer.encode(tag, add_special_tokens=False))

    def encode(self, text: str, *, add_special_tokens: bool) -> list[int]:
        known = None if add_special_tokens else self._known.get(text)
        if known is not None:
            return known
        return list(self._tokenizer.encode(text, add_special_tokens=add_special_tokens))

    def decode(self, token_ids: Any, **kwargs: Any) -> str:
        return str(self._tokenizer.decode(token_ids, **kwargs))


class SampleMaker:
    """Builds the samples of one run.

    Args:
        model (`str`), revision (`str`): of the sampler.
        tokenizer: the model's.
        tags (`ThinkTags`, *optional*): None counts every token as reasoning.
        count_method (`str`): what the servers allow.
        params (`SamplingParams`): of the run.
    """

    def __init__(
        self,
        model: str,
        revision: str,
        tokenizer: "PreTrainedTokenizerBase",
        tags: ThinkTags | None,
        count_method: CountMethod,
        params: SamplingParams,
    ) -> None:
        self._model, self._revision, self._params_hash = model, revision, params.hash
        self._tags, self._method = tags, count_method
        self._codec = _TagCodec(tokenizer, tags)
        self._eos_ids = frozenset({tokenizer.eos_token_id})
        self._special_ids = special_ids(tokenizer)
        self._keys: dict[int, str] = {}

    def key(self, draw: Draw) -> str:
        question = draw.prompt.question_id
        return sample_key(question, self._model, self._revision, self._params_hash, draw.number)

    def owed(self, draws: Sequence[Draw], done: frozenset[str]) -> list[Draw]:
        """The draws not done; their keys, which cost a hash each, are kept for their samples."""
        self._keys = {id(d): key for d in draws if (key := self.key(d)) not in done}
        return [d for d in draws if id(d) in self._keys]

    def from_ids(
        self, draw: Draw, ids: Sequence[int], text: str | None, finish: FinishReason
    ) -> Sample:
        """An answer whose ids are known; `text` is the server's, used where it must be right."""
        last = ids[-1] if ids else None
        if finish == "length" and last in self._eos_ids:
            finish = "stop"  # EOS as the very last token of the budget
        closing = finish == "stop" and last in self._special_ids
        # Special tokens within the trace, which many servers leave out of the text.
        inner = self._special_ids.intersection(ids)
        if closing and len(inner) == 1:
            inner = inner if ids.count(last) > 1 else frozenset()
        if text is None or inner:
            text = self._codec.decode(
                list(ids[:-1] if closing else ids),
                skip_special_tokens=False,
                clean_up_tokenization_spaces=False,
            )
        reasoning = count_from_ids(
            ids,
            self._tags,
            self._codec,
            draw.prompt.text,
            eos_ids=self._eos_ids,
            finished=finish == "stop",
        )
        return self._sample(draw, text, tuple(ids), len(ids), reasoning, finish)

    def from_pieces(
        self, draw: Draw, pieces: Sequence[str], text: str, n_tokens: int, finish: FinishReason
    ) -> Sample:
        """An answer whose tokens are known as strings."""
        reasoning = count_from_pieces(
            pieces, self._tags, draw.prompt.text, finished=finish == "stop"
        )
        return self._sample(draw, text, None, n_tokens, reasoning, finish)

    def from_usage(self, draw: Draw, text: str, n_tokens: int, finish: FinishReason) -> Sample:
        """An answer of which only the number of tokens is known."""
        reasoning = count_from_usage(
            n_tokens,
            text,
            self._tags,
            self._codec,
            draw.prompt.text,
            finished=finish == "stop",
        )
        return self._sample(draw, text, None, n_tokens, reasoning, finish)

    def from_text(self, draw: Draw, text: str, finish: FinishReason) -> Sample:
        """An answer of which nothing but the text is known."""
        n_tokens = len(self._codec.encode(text, add_special_tokens=False)) if text else 0
        finished = finish == "stop"
        reasoning = count_retokenised(
            text, self._tags, self._codec, draw.prompt.text, finished=finished
        )
        return self._sample(draw, text, None, n_tokens + finished, reasoning, finish)

    def too_long(self, draw: Draw, message: str) -> Sample:
        """A prompt that leaves no room."""
        return self._sample(draw, "", None, 0, None, "context", message)

    def failed(self, draw: Draw, failure: Failure) -> Sample:
        """A question the server refused, or failed on again and again."""
        if failure.status in (400, 413, 422) and says_too_long(failure.message):
            return self.too_long(draw, failure.message)
        return self._sample(draw, "", None, 0, None, "error", failure.message)

    def _sample(
        self,
        draw: Draw,
        text: str,
        ids: tuple[int, ...] | None,
        n_tokens: int,
        reasoning_tokens: int | None,
        finish: FinishReason,
        error: str | None = None,
    ) -> Sample:
        return Sample(
            key=self._keys.get(id(draw)) or self.key(draw),
            question_id=draw.prompt.question_id,
            model=self._model,
            revision=self._revision,
            params_hash=self._params_hash,
            draw=draw.number,
            seed=draw.seed,
            text=text,
            token_ids=ids,
            n_tokens=n_tokens,
            reasoning_tokens=reasoning_tokens,
            count_method=self._method,
            finish_reason=finish,
            error=error,
        )
