"""Small tokenizers that behave as three families' do, and the same with other ids.

R1-Distill (Qwen and Llama alike): BOS from tokenizer and template, the prompt opens the think tag,
reasoning cut from assistant turns. Qwen3: no BOS, the completion opens the tag, newlines around the
tags rewritten. Phi-4-mini-reasoning: a system turn of its own, BOS, EOS and padding one id that
ends no answer, the completion opens the tag, which is spelled by several ids.
"""

import json

from tokenizers import Tokenizer

from model_fixtures import make_tokenizer

# Reasoning stripped and set between newlines; an empty block where there is none.
QWEN3 = (
    "{%- for message in messages %}"
    "{%- if message['role'] == 'user' %}"
    "{{- '<|im_start|>user\n' + message['content'] + '<|im_end|>\n' }}"
    "{%- else %}"
    "{%- set content, reasoning = message['content'], '' %}"
    "{%- if '</think>' in content %}"
    "{%- set reasoning = content.split('</think>')[0].split('<think>')[-1].strip('\n') %}"
    "{%- set content = content.split('</think>')[-1].lstrip('\n') %}"
    "{%- endif %}"
    "{{- '<|im_start|>assistant\n<think>\n' + reasoning + '\n</think>\n\n' + content }}"
    "{{- '<|im_end|>\n' }}"
    "{%- endif %}"
    "{%- endfor %}"
    "{%- if add_generation_prompt %}{{- '<|im_start|>assistant\n' }}{%- endif %}"
)
PHI4 = (
    "{{- '<|system|>You are an expert.<|end|>' }}"
    "{%- for message in messages %}"
    "{{- '<|' + message['role'] + '|>' + message['content'] + '<|end|>' }}"
    "{%- endfor %}"
    "{%- if add_generation_prompt %}{{- '<|assistant|>' }}"
    "{%- else %}{{- eos_token }}{%- endif %}"
)


def r1_distill():
    return make_tokenizer(), ["<|eos|>"]


def qwen3():
    tokenizer = make_tokenizer(adds_bos=False)
    tokenizer.add_special_tokens(
        {"additional_special_tokens": ["<|im_start|>", "<|im_end|>", "<|endoftext|>"]}
    )
    tokenizer.bos_token, tokenizer.eos_token = None, "<|im_end|>"
    tokenizer.pad_token = "<|endoftext|>"
    tokenizer.chat_template = QWEN3
    return tokenizer, ["<|im_end|>", "<|endoftext|>"]


def phi4():
    tokenizer = make_tokenizer(adds_bos=False, think_tokens=False)
    tokenizer.add_special_tokens(
        {"additional_special_tokens": ["<|system|>", "<|end|>", "<|endoftext|>"]}
    )
    tokenizer.bos_token = tokenizer.eos_token = tokenizer.pad_token = "<|endoftext|>"
    tokenizer.chat_template = PHI4
    return tokenizer, ["<|end|>", "<|endoftext|>"]


def with_other_ids(tokenizer):
    """The same tokenizer but for its plain ids, which are numbered from the end, and its merges."""
    backend = json.loads(tokenizer.backend_tokenizer.to_str())
    vocab = backend["model"]["vocab"]
    # Its own merges: what the teacher writes as one id is several here, and the other way round.
    for pair in [("s", "o"), ("a", "b")]:
        vocab["".join(pair)] = vocab.pop({"so": "12", "ab": "th"}["".join(pair)])
    backend["model"]["merges"] = [["Ċ", "Ċ"], ["s", "o"], ["a", "b"]]
    backend["model"]["vocab"] = {w: len(vocab) - 1 - i for w, i in vocab.items()}
    tokenizer._tokenizer = Tokenizer.from_str(json.dumps(backend))
    return tokenizer
