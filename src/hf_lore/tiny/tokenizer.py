"""Builds the tokenizer of the tiny reasoner: one token a byte, and one a fixed phrase of its world.

Lossless on any Unicode text: what is no phrase falls back to UTF-8 bytes. Its habits are those of
R1-Distill, because they are what the pipeline must survive: it adds BOS to every text, its
generation prompt opens the think tag, and its chat template deletes the reasoning from assistant
turns of the history. As there, the think tags are ordinary added tokens, so decoding that skips
special tokens keeps them. Not covered: special tokens that a user types are read as such.
"""

from typing import TYPE_CHECKING

from ..errors import MissingExtraError
from ..questions import CONNECTOR
from .world import FAMILIES, MAX_STEPS

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

__all__ = ["CHAT_TEMPLATE", "build_tokenizer"]

PAD, BOS, EOS = "<|pad|>", "<|bos|>", "<|eos|>"
USER, ASSISTANT = "<|user|>", "<|assistant|>"
MODEL_MAX_LENGTH = 8192

CHAT_TEMPLATE = (
    "{{ bos_token }}"
    "{% for message in messages %}"
    "{% if message['role'] == 'system' %}{{ message['content'] }}"
    "{% elif message['role'] == 'user' %}{{ '" + USER + "' + message['content'] }}"
    "{% elif message['role'] == 'assistant' %}"
    "{{ '" + ASSISTANT + "' + message['content'].split('</think>')[-1] + eos_token }}"
    "{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}{{ '" + ASSISTANT + "<think>\\n' }}{% endif %}"
)


def _phrases() -> list[str]:
    """Fixed texts of prompts and traces; digits, letters and states stay characters."""
    phrases = [CONNECTOR, "\nQ", ". ", "Quick: ", "Steps: ", "Careful: ", " on ", " gives "]
    phrases += ["\\boxed{", *(f" ({i}) " for i in range(1, MAX_STEPS + 1))]
    for family in FAMILIES.values():
        phrases += [family.before, family.between, *family.operations]
    return list(dict.fromkeys(phrases))


def build_tokenizer() -> "PreTrainedTokenizerFast":
    """The tokenizer, from code alone: nothing is trained, so it is the same everywhere.

    Returns:
        A `PreTrainedTokenizerFast` whose ids are the specials, the 256 bytes, then the phrases.

    Raises:
        MissingExtraError: transformers is not installed.
    """
    try:
        from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, processors
        from transformers import PreTrainedTokenizerFast
    except ImportError as error:
        raise MissingExtraError("transformers", "transformers") from error

    # Sorted: the byte alphabet comes in no fixed order.
    specials = [PAD, BOS, EOS, USER, ASSISTANT]
    vocabulary = [*specials, "<think>", "</think>", *sorted(pre_tokenizers.ByteLevel.alphabet())]
    tokenizer = Tokenizer(models.BPE(vocab={t: i for i, t in enumerate(vocabulary)}, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken(t, normalized=False, special=True) for t in specials])
    tokenizer.add_tokens(
        [AddedToken(t, normalized=False) for t in ("<think>", "</think>", *_phrases())]
    )
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{BOS} $A",
        pair=f"{BOS} $A {BOS} $B",
        special_tokens=[(BOS, tokenizer.token_to_id(BOS))],
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token=BOS,
        eos_token=EOS,
        pad_token=PAD,
        extra_special_tokens=[USER, ASSISTANT],
        chat_template=CHAT_TEMPLATE,
        clean_up_tokenization_spaces=False,
        model_max_length=MODEL_MAX_LENGTH,
        padding_side="left",
    )
