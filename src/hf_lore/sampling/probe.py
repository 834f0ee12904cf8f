"""`probe`: is this server usable for a run, and if not, which setting to change.

Looks at one server at a time: what it is, how tokens will be counted, whether its draws differ,
whether `n` is honoured, whether its limits fit the budget. Costs some ten short requests. A run
checks its draws by itself (see `draw_check`); this is the whole report, before one is started.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from ..errors import ConfigError, ServerError
from .draw_check import CHECK_DRAWS, check_draws, check_prompt
from .openai import OpenAISampler
from .sample import CountMethod, SamplingParams
from .tgi import TGISampler
from .transport import Patience, Transport

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

__all__ = ["ProbeReport", "probe", "server_sampler"]


@dataclass(frozen=True, slots=True)
class ProbeReport:
    """What one server is fit for.

    Args:
        url (`str`): the server.
        kind (`str`): "tgi" for the native endpoint, "openai" for `/v1/completions`.
        model (`str`), revision (`str`): as recorded with samples.
        count_method (`str`): how reasoning tokens will be counted.
        distinct (`int`): different answers among `draws`.
        draws (`int`): answers drawn.
        honours_n (`bool`, *optional*): whether `n` answers come back where n are asked for; None
            where that is not asked (TGI). A run does not depend on it: one request, one sample.
        context (`int`, *optional*): tokens of prompt and trace together; None where nobody says.
        concurrency (`int`, *optional*): requests the server takes at once, where it says so.
        problems (`tuple[str, ...]`): what stands in the way of a run, each with its fix.
    """

    url: str
    kind: Literal["tgi", "openai"]
    model: str
    revision: str
    count_method: CountMethod
    distinct: int
    draws: int
    honours_n: bool | None
    context: int | None
    concurrency: int | None
    problems: tuple[str, ...]

    @property
    def usable(self) -> bool:
        return not self.problems

    def lines(self) -> list[str]:
        """The report for a terminal."""
        unknown = "not told"
        n = {True: "honoured", False: "ignored", None: "not used"}[self.honours_n]
        return [
            f"server        {self.url} ({self.kind})",
            f"model         {self.model}, revision {self.revision}",
            f"token count   by {self.count_method}",
            f"draws         {self.distinct} of {self.draws} differ",
            f"n             {n}",
            f"context       {self.context or unknown} tokens",
            f"concurrency   {self.concurrency or unknown}",
            *(f"problem       {problem}" for problem in self.problems),
            f"usable        {'yes' if self.usable else 'no'}",
        ]


def server_sampler(
    url: str,
    tokenizer: "PreTrainedTokenizerBase",
    *,
    model: str | None = None,
    api_key: str | None = None,
    patience: Patience | None = None,
) -> OpenAISampler | TGISampler:
    """The sampler that fits what runs at `url`: TGI's own where `/info` is TGI's.

    Args:
        model: the name it is served by; by default the one `/v1/models` lists.

    Raises:
        ServerError: the server cannot be reached, or lists no model.
        ConfigError: it lists several models and none is named.
    """
    base = url.rstrip("/").removesuffix("/v1")
    transport = Transport(base, concurrency=1, api_key=api_key, patience=patience)
    status, info = transport.request(0, "GET", "/info")
    if status == 200 and isinstance(info, dict) and "max_total_tokens" in info:
        return TGISampler(
            base, tokenizer, model=model, api_key=api_key, patience=patience, allow_greedy=True
        )
    if model is None:
        status, reply = transport.request(0, "GET", "/v1/models")
        cards = reply.get("data") if isinstance(reply, dict) else None
        names = [c["id"] for c in cards or () if isinstance(c, dict) and "id" in c]
        if status != 200 or not names:
            raise ServerError(
                f"{transport.labels[0]}/v1/models answers {status} and lists no model; fix: check "
                "the URL and the API key, or name the model"
            )
        if len(names) > 1:
            raise ConfigError(
                f"{transport.labels[0]} serves {', '.join(names[:5])}; fix: name one of them"
            )
        model = names[0]
    return OpenAISampler(
        base, model, tokenizer, api_key=api_key, patience=patience, allow_greedy=True
    )


def probe(
    url: str,
    tokenizer: "PreTrainedTokenizerBase",
    params: SamplingParams,
    *,
    model: str | None = None,
    api_key: str | None = None,
    longest_prompt: int | None = None,
    patience: Patience | None = None,
) -> ProbeReport:
    """Look at one server before a run.

    Args:
        url (`str`): the server.
        tokenizer: the model's.
        params: of the run to come: temperature and budget.
        model (`str`, *optional*): see `server_sampler`.
        longest_prompt (`int`, *optional*): tokens of the run's longest prompt; by default those of
            the probe's own, short one.

    Raises:
        ServerError: the server cannot be used at all: unreachable, refusing, no count.
    """
    sampler = server_sampler(url, tokenizer, model=model, api_key=api_key, patience=patience)
    n_prompt = longest_prompt or len(check_prompt(tokenizer).token_ids)
    problems: list[str] = []
    honours_n: bool | None = None
    concurrency: int | None = None
    if isinstance(sampler, TGISampler):
        concurrency = sampler.limits.max_concurrent_requests
        if sampler.limits.budget(n_prompt, params.max_new_tokens) < params.max_new_tokens:
            problems.append(sampler.limits.flags_for(n_prompt, params.max_new_tokens))
    else:
        honours_n = sampler.honours_n()
        context = sampler.context
        if context is not None and n_prompt + params.max_new_tokens > context:
            problems.append(
                f"a prompt of {n_prompt} tokens and a budget of {params.max_new_tokens} exceed the "
                f"context of {context}; fix: serve with a longer context (vLLM --max-model-len, "
                "SGLang --context-length), or ask for fewer tokens"
            )
    fitting = params
    if isinstance(sampler, TGISampler):
        room = sampler.limits.budget(len(check_prompt(tokenizer).token_ids), params.max_new_tokens)
        fitting = SamplingParams(
            params.temperature, params.top_p, params.top_k, max(room, 1), params.seed
        )
    check = check_draws(sampler, tokenizer, fitting)
    if check.answered < CHECK_DRAWS:
        problems.append(f"{CHECK_DRAWS - check.answered} draws failed: {check.first_error}")
    if check.greedy:
        problems.append(sampler.greedy_message(0, params))
    return ProbeReport(
        url=sampler.labels[0],
        kind="tgi" if isinstance(sampler, TGISampler) else "openai",
        model=sampler.model,
        revision=sampler.revision,
        count_method=sampler.count_method,
        distinct=check.distinct,
        draws=check.answered,
        honours_n=honours_n,
        context=sampler.context,
        concurrency=concurrency,
        problems=tuple(problems),
    )
