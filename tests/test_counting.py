"""The count ladder, with ids and texts counted by hand."""

import pytest

from hf_lore.sampling.counting import (
    R1_TAGS,
    ThinkTags,
    count_from_ids,
    count_from_pieces,
    count_from_usage,
    count_retokenised,
)
from model_fixtures import make_tokenizer

OPENED = "<|user|>q<|assistant|><think>\n"  # R1: the prompt opens the tag
UNOPENED = "<|user|>q<|assistant|>"


@pytest.fixture(scope="module")
def tokenizer():
    return make_tokenizer()


def ids_of(tokenizer, text):
    return tokenizer.encode(text, add_special_tokens=False)


# One token a character, except "12", "th", two newlines, and the tags (one each).
CASES = [
    # completion, prompt, reasoning tokens
    ("abc</think>4", OPENED, 3),
    ("</think>4", OPENED, 0),  # closed at once
    ("abc", OPENED, None),  # never closed: censored
    ("", OPENED, None),
    ("abc\n\n</think>4", OPENED, 4),  # two newlines are one token, and count
    ("12</think>12</think>", OPENED, 1),  # the first closing tag; "12" is one token
    ("<think>\nab</think>4", UNOPENED, 3),  # the newline after the tag counts, the tag does not
    ("hm <think>ab</think>4", UNOPENED, 2),  # nor does what precedes it
    ("ab</think>4", UNOPENED, 2),  # no opening tag anywhere: from the start
    ("a<think>b</think>4", OPENED, 3),  # already open: a second tag is content
    ("<think>", UNOPENED, None),
    ("4 is the answer", "<|assistant|><think>\n\n</think>\n\n", 0),  # a no-think prompt
]


@pytest.mark.parametrize(("completion", "prompt", "expected"), CASES)
def test_every_rung_on_text_that_retokenises_to_itself(tokenizer, completion, prompt, expected):
    ids = ids_of(tokenizer, completion)
    assert count_from_ids(ids, R1_TAGS, tokenizer, prompt) == expected
    pieces = [tokenizer.decode([i]) for i in ids]
    assert count_from_pieces(pieces, R1_TAGS, prompt) == expected
    assert count_retokenised(completion, R1_TAGS, tokenizer, prompt) == expected
    usage = count_from_usage(len(ids) + 1, completion, R1_TAGS, tokenizer, prompt)
    # An emitted opening tag is subtracted as a token of its own, so all rungs agree.
    assert usage == expected


@pytest.mark.parametrize(("completion", "prompt", "expected"), CASES)
def test_tags_of_several_ids_count_the_same_tokens(tokenizer, completion, prompt, expected):
    # "[[" and "]]" are two ids each here, found in the decoded text.
    tags = ThinkTags("[[", "]]")
    swap = {"<think>": "[[", "</think>": "]]"}
    for old, new in swap.items():
        completion, prompt = completion.replace(old, new), prompt.replace(old, new)
    if completion.startswith("a[["):
        expected += 1  # a tag that is content is two tokens now
    assert count_from_ids(ids_of(tokenizer, completion), tags, tokenizer, prompt) == expected


def test_a_token_that_straddles_the_tag_counts_as_reasoning(tokenizer):
    # Tokens "a", "12", "3": the tag "23" begins inside the token "12".
    tags = ThinkTags("<open>", "23")
    assert count_from_ids(ids_of(tokenizer, "a123"), tags, tokenizer) == 2


def test_characters_of_several_tokens_before_a_spelled_tag(tokenizer):
    # "é" is two byte tokens, "€" three: 2 + 3 + 1 = 6.
    tags = ThinkTags("[[", "]]")
    assert count_from_ids(ids_of(tokenizer, "é€a]]4"), tags, tokenizer) == 6


def test_a_tag_spelled_in_pieces_is_found_although_it_has_an_id(tokenizer):
    spelled = [i for c in "</think>" for i in ids_of(tokenizer, c)]
    assert count_from_ids(ids_of(tokenizer, "abc") + spelled, R1_TAGS, tokenizer, OPENED) == 3


def test_without_tags_all_but_eos_counts_and_only_of_finished_traces(tokenizer):
    ids = [*ids_of(tokenizer, "abc"), tokenizer.eos_token_id]
    eos = {tokenizer.eos_token_id}
    assert count_from_ids(ids, None, tokenizer, eos_ids=eos) == 3
    assert count_from_ids(ids[:3], None, tokenizer, eos_ids=eos, finished=False) is None
    assert count_from_pieces(["a", "b", "<e>"], None, eos_pieces={"<e>"}) == 2
    assert count_from_usage(4, "abc", None, tokenizer) == 3
    assert count_from_usage(4, "abcd", None, tokenizer, finished=False) is None
    assert count_retokenised("abc", None, tokenizer) == 3


def test_usage_does_not_retokenise_the_reasoning(tokenizer):
    # Emitted as "1", "2" (two ids), which re-tokenises to one: 2 reasoning + tag + "4" + EOS = 5.
    assert count_from_usage(5, "12</think>4", R1_TAGS, tokenizer, OPENED) == 2
    assert count_retokenised("12</think>4", R1_TAGS, tokenizer, OPENED) == 1
