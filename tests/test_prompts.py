"""Prompts: what is sent and what is fed are the same ids, and no question steers the model."""

import pytest
from transformers import AutoTokenizer

from hf_lore.errors import ConfigError
from hf_lore.questions import Question, compose
from hf_lore.sampling.prompts import (
    default_instruction,
    load_tokenizer,
    render_prompts,
    template_hash,
    tokenizer_hash,
)
from model_fixtures import make_tokenizer

Q = Question(prompt="What is 1+1?", gold=("2",), subject="a")


def test_bos_is_fed_once_and_left_out_of_the_text():
    tokenizer = make_tokenizer()
    (prompt,) = render_prompts([Q], tokenizer)
    assert prompt.text == "<|user|>What is 1+1?<|assistant|><think>\n"
    assert prompt.token_ids[0] == tokenizer.bos_token_id
    assert prompt.token_ids.count(tokenizer.bos_token_id) == 1
    assert tuple(tokenizer(prompt.text)["input_ids"]) == prompt.token_ids
    assert prompt.question_id == Q.id


def test_bos_that_only_the_template_adds_stays_in_the_text():
    tokenizer = make_tokenizer(adds_bos=False)
    (prompt,) = render_prompts([Q], tokenizer)
    assert prompt.text.startswith(tokenizer.bos_token)
    assert tuple(tokenizer(prompt.text)["input_ids"]) == prompt.token_ids
    assert prompt.token_ids.count(tokenizer.bos_token_id) == 1


def test_bos_that_only_the_tokenizer_adds_is_fed():
    tokenizer = make_tokenizer()
    tokenizer.chat_template = tokenizer.chat_template.replace("{{ bos_token }}", "")
    (prompt,) = render_prompts([Q], tokenizer)
    assert prompt.token_ids[0] == tokenizer.bos_token_id
    assert tuple(tokenizer(prompt.text)["input_ids"]) == prompt.token_ids


def test_the_fed_ids_are_the_chat_templates_own():
    tokenizer = make_tokenizer()
    (prompt,) = render_prompts([Q], tokenizer, instruction="Box it.")
    turn = [{"role": "user", "content": "What is 1+1?\n\nBox it."}]
    own = tokenizer.apply_chat_template(turn, add_generation_prompt=True, return_dict=False)
    assert tuple(own) == prompt.token_ids


@pytest.mark.parametrize("token", ["</think>", "<think>", "<|user|>", "<|eos|>", "<|bos|>"])
def test_control_tokens_in_a_question_are_refused(token):
    question = Question(prompt=f"Say {token} twice", gold=("1",))
    with pytest.raises(ConfigError, match=r"control token") as e:
        render_prompts([Q, question], make_tokenizer())
    assert token in str(e.value)
    assert question.id in str(e.value)
    assert "fix:" in str(e.value)
    assert "\n" not in str(e.value)


@pytest.mark.parametrize(
    "text", ["a < b and b > c", "cos x", "a  b", "< /think>", "é\U0001f600\x00"]
)
def test_added_words_and_plain_text_are_no_control_tokens(text):
    tokenizer = make_tokenizer()
    tokenizer.add_tokens(["cos", "  "])
    (prompt,) = render_prompts([Question(prompt=text, gold=("1",))], tokenizer)
    assert text in tokenizer.decode(prompt.token_ids)


def test_no_chat_template():
    tokenizer = make_tokenizer()
    tokenizer.chat_template = None
    with pytest.raises(ConfigError, match=r"chat template.*fix:"):
        render_prompts([Q], tokenizer)


def test_a_tokenizer_that_closes_prompts_with_eos_is_refused():
    from tokenizers import processors

    tokenizer = make_tokenizer()
    tokenizer.backend_tokenizer.post_processor = processors.TemplateProcessing(
        single="<|bos|> $A <|eos|>",
        special_tokens=[(t, tokenizer.convert_tokens_to_ids(t)) for t in ("<|bos|>", "<|eos|>")],
    )
    with pytest.raises(ConfigError, match=r"more than BOS.*fix:"):
        render_prompts([Q], tokenizer)


def test_instructions_can_differ_by_question():
    other = Question(prompt="And 2+2?", gold=("4",), subject="b")
    prompts = render_prompts([Q, compose([Q, other])], make_tokenizer(), default_instruction)
    assert "your final answer in \\boxed{}" in prompts[0].text
    assert "2 boxes, in the order" in prompts[1].text


def test_no_questions_no_prompts():
    assert render_prompts([], make_tokenizer()) == []


def test_hash_survives_saving_and_calls_and_sees_one_id(tmp_path):
    tokenizer = make_tokenizer()
    before = tokenizer_hash(tokenizer)
    tokenizer(["a", "bcd"], padding=True, truncation=True, max_length=2)
    assert tokenizer_hash(tokenizer) == before
    tokenizer.save_pretrained(tmp_path)
    loaded = AutoTokenizer.from_pretrained(tmp_path)
    assert tokenizer_hash(loaded) == before
    assert template_hash(loaded) == template_hash(tokenizer)
    loaded.add_tokens(["new"])
    assert tokenizer_hash(loaded) != before


def test_hash_apart_from_the_template():
    tokenizer, other = make_tokenizer(), make_tokenizer(opens_think=False)
    assert tokenizer_hash(tokenizer) == tokenizer_hash(other)
    assert template_hash(tokenizer) != template_hash(other)
    assert tokenizer_hash(make_tokenizer(adds_bos=False)) != tokenizer_hash(tokenizer)


def test_load_tokenizer_names_what_is_wrong(tmp_path):
    with pytest.raises(ConfigError, match=r"has no tokenizer.*fix:"):
        load_tokenizer(tmp_path)
    with pytest.raises(ConfigError, match=r"is no directory; fix:"):
        load_tokenizer(tmp_path / "absent")
    with pytest.raises(ConfigError, match=r"is no directory; fix:"):
        load_tokenizer("./absent")
    for damaged in ("{}", '{"model": {"ty'):
        (tmp_path / "tokenizer.json").write_text(damaged)
        with pytest.raises(ConfigError, match=r"could be loaded.*fix:"):
            load_tokenizer(tmp_path)


def test_load_tokenizer_round_trip(tmp_path):
    make_tokenizer().save_pretrained(tmp_path)
    loaded = load_tokenizer(str(tmp_path))
    assert render_prompts([Q], loaded) == render_prompts([Q], make_tokenizer())
