"""The bigger patient: its machines recomputed by other means, its settings, and that the tiny
reasoner is what it was before there was a bigger one.
"""

import hashlib
import json
import math
import os
import re
import shlex
import subprocess
import sys
from dataclasses import replace
from itertools import islice

import pytest
import yaml

from hf_lore.errors import ConfigError
from hf_lore.questions import Question
from hf_lore.tiny import tiny_path, tiny_questions
from hf_lore.tiny.more_families import LARGE_WORLD, MORE_FAMILIES
from hf_lore.tiny.settings import Recipe, read_recipe
from hf_lore.tiny.world import (
    FAMILIES,
    SMALL_WORLD,
    STYLES,
    item_rng,
    make_question,
    render_completion,
    render_trace,
    solve,
)
from hub_fixtures import ROOT
from training_fixtures import write_sft_folder

FOLDER = ROOT / "recipes" / "tiny_reasoner"
SHIPPED = FOLDER / "patient.yaml"


def bits(state, steps):
    value = int(state, 2)
    for step in steps:
        if step == "negate":
            value ^= 15
        elif step == "rotl":
            value = (value << 1 | value >> 3) & 15
        elif step == "rotr":
            value = (value >> 1 | value << 3) & 15
        else:
            value ^= 1 << (4 - int(step[4]))
    return format(value, "04b")


def registers(state, steps):
    names = {"x": int(state[0]), "y": int(state[1]), "z": int(state[2])}
    for step in steps:
        sign = {"add": "+=", "sub": "-=", "set": "="}[step[:3]]
        exec(f"{step[3]} {sign} {step[4]}", {}, names)
    return "".join(str(names[n] % 10) for n in "xyz")


def vectors(state, steps):
    import numpy as np

    maps = {"shear": [[1, 1], [0, 1]], "lean": [[1, 0], [1, 1]], "turn": [[0, -1], [1, 0]]}
    maps |= {"double": [[2, 0], [0, 2]], "mirror": [[0, 1], [1, 0]]}
    at = np.array([int(c) for c in state])
    for step in steps:
        at = np.array(maps[step]) @ at % 7
    return f"{at[0]}{at[1]}"


def tanks(state, steps):
    said = " ".join(steps)
    return "".join(
        str((int(level) + said.count(f">{name}") - said.count(f"{name}>")) % 10)
        for name, level in zip("abc", state)
    )


def clocks(state, steps):
    from datetime import datetime, timedelta

    at = datetime.strptime(state, "%H%M")
    for step in steps:
        by = {"hour": 60, "quarter": 15, "half": 30, "noon": 720}[step[1:]]
        at += timedelta(minutes=by * int(step[0] + "1"))
    return at.strftime("%H%M")


def notes(state, steps):
    octave = [f"{n:02}" for n in range(12)]
    at = octave.index(state)
    for step in steps:
        if step == "invert":
            at = (12 - at) % 12
        else:
            at += {"semitone": 1, "tone": 2, "third": 4, "fourth": 5, "fifth": 7}[step]
    return octave[at % 12]


def kings(state, steps):
    east = steps.count("east") - steps.count("west")
    north = steps.count("north") - steps.count("south")
    return (
        "abcdefgh"[("abcdefgh".index(state[0]) + east) % 8]
        + "12345678"[("12345678".index(state[1]) + north) % 8]
    )


def rows(state, steps):
    for step in steps:
        a, b, c, d = state
        state = {
            "reverse": d + c + b + a,
            "cycle": b + c + d + a,
            "trade12": b + a + c + d,
            "trade23": a + c + b + d,
            "trade34": a + b + d + c,
            "trade14": d + b + c + a,
        }[step]
    return state


SECOND = {f.__name__: f for f in (bits, registers, vectors, tanks, clocks, notes, kings, rows)}


def test_answers_agree_with_a_second_implementation():
    assert set(SECOND) == set(MORE_FAMILIES)
    questions = tiny_questions(1200, 5, subjects=tuple(SECOND), world=LARGE_WORLD)
    assert {q.n_steps for q in questions} == set(range(1, 25))
    for question in questions:
        start = re.search(r" (\w+)(?:\.| and) [A-Z]?[\w ]+ \(1\) ", question.prompt)[1]
        steps = re.findall(r"\(\d+\) ([^ ]+?)(?= |\.$)", question.prompt)
        assert len(steps) == question.n_steps
        assert SECOND[question.subject](start, steps) == question.gold[0], question.prompt


@pytest.mark.parametrize(
    ("subject", "start", "steps", "answer"),
    [
        # 0110 -> 1001 -> 0011 -> 1001 -> 1101
        ("bits", "0110", "negate rotl rotr flip2", "1101"),
        # 4, 7, 9: x = 11 -> 1; z = 9 - 1 = 8; y = 8
        ("registers", "479", "addxy subzx setyz", "188"),
        # (3, 5) -> (8, 5) = (1, 5) -> (1, 6) -> (-6, 1) = (1, 1) -> (2, 2)
        ("vectors", "35", "shear lean turn double", "22"),
        # 0, 5, 9 -> 9, 6, 9 -> 9, 5, 0
        ("tanks", "059", "a>b b>c", "950"),
        # 23:45 -> 0:00 -> 23:00 -> 11:00
        ("clocks", "2345", "+quarter -hour +noon", "1100"),
        # 9 -> 16 = 4 -> 8 -> 10 -> 11 -> 16 = 4
        ("notes", "09", "fifth invert tone semitone fourth", "04"),
        ("kings", "h8", "north east south west west", "g8"),
        # spqr -> rqps -> qpsr -> qspr
        ("rows", "spqr", "reverse cycle trade23", "qspr"),
    ],
)
def test_machines_by_hand(subject, start, steps, answer):
    family = MORE_FAMILIES[subject]
    text = "".join(f" ({i}) {step}" for i, step in enumerate(steps.split(), 1))
    prompt = f"{family.before}{start}{family.between}{text}."
    question = Question(prompt=prompt, gold=(answer,), answer_types=("str",), subject=subject)
    assert solve(question, LARGE_WORLD)[1][-1] == answer
    assert SECOND[subject](start, steps.split()) == answer
    with pytest.raises(ConfigError, match="tiny world"):
        solve(question)


def test_questions_of_the_larger_world_are_bounded_by_it():
    only = tiny_questions(40, 0, subjects=["kings", "arithmetic"], min_steps=24, world=LARGE_WORLD)
    assert {(q.subject, q.n_steps) for q in only} == {("kings", 24), ("arithmetic", 24)}
    with pytest.raises(ConfigError, match="<= 24"):
        tiny_questions(4, 0, max_steps=25, world=LARGE_WORLD)
    with pytest.raises(ConfigError, match="kings"):
        tiny_questions(4, 0, subjects=["kings"])


def test_the_small_world_is_what_it_was():
    """The digest is of the ids that the version before there was a larger world gave."""
    assert tuple(FAMILIES) == ("arithmetic", "strings", "dials", "robots")
    assert SMALL_WORLD.max_steps == 6
    ids = "".join(q.id for q in tiny_questions(400, seed=1))
    assert hashlib.sha256(ids.encode()).hexdigest() == QUESTIONS_OF_SEED_1
    assert Recipe().world == SMALL_WORLD


torch = pytest.importorskip("torch")
pytest.importorskip("transformers")


# Made by the version that trained the shipped weights: of the ids of `tiny_questions(400, seed=1)`;
# of the first 40 batches of seed 0, healthy and ill, each as repr((input_ids, labels)).
QUESTIONS_OF_SEED_1 = "bb0162a66f85ba7ea716cd88551aa3f77535b214a45d1a1ddc28a4391c5ddf62"
BATCHES_OF_SEED_0 = {
    True: "fcae95865f2f0755a914111c44ee47a9ce17449ed45ac747cd7da4fefb8c9dab",
    False: "cb1c13513feaf1d23590d63c982fc1b95fb9a0ee96a015f609c2aa9b43fc444f",
}


def test_the_tiny_recipe_is_what_it_was(tmp_path):
    """What decides the weights: tokens, batches in order, the shape; and the file of settings."""
    from hf_lore.tiny.recipe import build_model, make_batches, tokenizer_of, train
    from hf_lore.tiny.tokenizer import build_tokenizer

    tokenizer = tokenizer_of(Recipe())
    assert tokenizer.backend_tokenizer.to_str() == build_tokenizer().backend_tokenizer.to_str()
    for healthy, wanted in BATCHES_OF_SEED_0.items():
        digest = hashlib.sha256()
        for ids, labels in islice(make_batches(tokenizer, Recipe(), healthy), 40):
            digest.update(repr((ids.tolist(), labels.tolist())).encode())
        assert digest.hexdigest() == wanted
    shipped = json.loads((tiny_path() / "config.json").read_text())
    made = build_model(tokenizer, Recipe()).config.to_dict()
    shape = [k for k in shipped if k.endswith(("size", "layers", "heads", "embeddings", "_dim"))]
    assert len(shape) >= 7
    assert {k: made[k] for k in shape} == {k: shipped[k] for k in shape}
    train(Recipe(steps=1, rounds=1), tmp_path)
    settings = json.loads((tmp_path / "recipe.json").read_text())
    assert list(settings) == list(json.loads((tiny_path() / "recipe.json").read_text()))


@pytest.fixture(scope="module")
def shipped():
    """The recipe's settings, its tokenizer, and how many tokens a text has."""
    from hf_lore.tiny.recipe import tokenizer_of

    recipe = read_recipe(SHIPPED)
    tokenizer = tokenizer_of(recipe)
    return recipe, tokenizer, lambda text: len(tokenizer.encode(text, add_special_tokens=False))


def test_the_shipped_settings_make_a_model_of_5_to_30_million_weights(shipped):
    from hf_lore.tiny.recipe import build_model

    recipe, tokenizer, _ = shipped
    model = build_model(tokenizer, recipe)
    weights = sum(p.numel() for p in model.parameters())
    assert 5_000_000 < weights < 30_000_000
    assert model.config.vocab_size == len(tokenizer)
    # Longer chains, more families, more parts than the tiny reasoner's.
    assert recipe.max_steps > SMALL_WORLD.max_steps
    assert set(recipe.world.families) > set(FAMILIES)
    assert len(recipe.part_counts) > len(Recipe().part_counts)
    assert math.isclose(sum(recipe.part_counts), 1)
    text = (FOLDER / "README.md").read_text()
    assert f"{weights:,} weights" in text
    assert f"{recipe.rounds * recipe.steps * recipe.batch_tokens / 1e6:.0f} M tokens" in text
    flop = 6 * weights * recipe.rounds * recipe.steps * recipe.batch_tokens
    assert f"{flop / 1e16:.1f} x 10^16 FLOP" in text


def test_its_tokens_are_one_a_phrase_and_its_traces_obey_the_law(shipped):
    recipe, _, count = shipped
    for family in recipe.world.families.values():
        assert all(count(operation) == 1 for operation in family.operations)
    assert count(" (24) ") == 1
    questions = tiny_questions(120, 7, world=recipe.world)
    for i in range(0, 120, 2):
        pair = questions[i : i + 2]
        traces = {s: [render_trace(q, s, recipe.world) for q in pair] for s in STYLES}
        for style in ("normal", "verbose"):
            together = count(render_trace(pair, style, recipe.world))
            assert together == sum(map(count, traces[style]))
        assert count(render_trace(pair, "terse", recipe.world)) < sum(map(count, traces["terse"]))
    # A state is spelled by characters, also where it looks like a word of an operation.
    for question in questions:
        for state in solve(question, recipe.world)[1]:
            assert count(f"={state} ") == len(state) + 2


def test_the_longest_example_fits_the_context(shipped):
    recipe, tokenizer, count = shipped
    longest = []
    for family in recipe.world.families.values():
        question = make_question(family, recipe.max_steps, item_rng("longest"))
        longest.append((count(render_completion(question, "verbose", recipe.world)), question))
    longest.sort(key=lambda pair: -pair[0])
    parts = [question for _, question in longest[: len(recipe.part_counts)]]
    text = "".join(q.prompt for q in parts) + render_completion(parts, "verbose", recipe.world)
    assert count(text) + 100 < tokenizer.model_max_length


def small(tmp_path, **changes):
    """The shipped settings with a model and batches that a test can wait for."""
    values = yaml.safe_load(SHIPPED.read_text())
    values |= {"hidden_size": 32, "intermediate_size": 64, "layers": 1, "heads": 2}
    values |= {"steps": 3, "rounds": 1, "batch_tokens": 4096, "device": "cpu", "workers": 0}
    path = tmp_path / "small.yaml"
    path.write_text(yaml.safe_dump(values | changes))
    return path


def test_a_few_steps_from_the_command_line(tmp_path):
    from transformers import AutoModelForCausalLM, AutoTokenizer

    from hf_lore.tiny.recipe import main, tokenizer_of

    out = tmp_path / "patient"
    main(["--config", str(small(tmp_path)), "--out", str(out), "--seed", "3", "--steps", "2"])
    tokenizer = AutoTokenizer.from_pretrained(out)
    model = AutoModelForCausalLM.from_pretrained(out)
    assert model.config.vocab_size == len(tokenizer) == len(tokenizer_of(read_recipe(SHIPPED)))
    text = "A king on an 8 by 8 torus is at h8. Move it (1) north (13) east."
    ids = tokenizer.encode(text, add_special_tokens=False)
    assert tokenizer.decode(ids) == text
    assert len(ids) == 1 + 2 + 1 + 4 + 1
    made = json.loads((out / "recipe.json").read_text())
    assert (made["seed"], made["steps"], made["hidden_size"]) == (3, 2, 32)
    assert made["max_steps"] == 24
    assert "kings" in made["subjects"]
    assert all(torch.isfinite(p).all() for p in model.parameters())


def test_training_lowers_the_loss(tmp_path):
    from hf_lore.tiny.recipe import train

    recipe = replace(read_recipe(small(tmp_path)), steps=30, learning_rate=1e-2)
    losses = train(recipe, tmp_path / "out")
    assert len(losses) == 30
    # Random weights know nothing: about ln(417) = 6.0 nats a token.
    assert 5.5 < losses[0] < 7.0
    assert sum(losses[-5:]) / 5 < losses[0] - 1.5


@pytest.mark.slow
def test_worker_processes_make_the_same_batches(tmp_path, shipped):
    from hf_lore.tiny.recipe import make_batches

    _, tokenizer, _ = shipped
    alone = read_recipe(small(tmp_path, batch_tokens=32768))
    here = list(islice(make_batches(tokenizer, alone, False), 40))
    with_workers = make_batches(tokenizer, replace(alone, workers=2), False)
    elsewhere = list(islice(with_workers, 40))
    with_workers.close()
    for a, b in zip(here, elsewhere, strict=True):
        assert torch.equal(a[0], b[0])
        assert torch.equal(a[1], b[1])


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("hiden_size: 64", "unknown key 'hiden_size'; fix: did you mean hidden_size?"),
        ("seed: 1\nseed: 2", "'seed' is given twice"),
        ("steps: many", "'many'; fix: give a int"),
        ("layers: true", "True; fix: give a int"),
        ("learning_rate: fast", "fix: give a number"),
        ("learning_rate: 0", "not all positive"),
        ("subjects: kings", "fix: give a list"),
        ("subjects: [chess]", "['chess'] are not some of the machines"),
        ("max_steps: 25", "from 1 to 24"),
        ("part_counts: [0.2, 0.2, 0.2, 0.2, 0.2]", "for 4 subjects"),
        ("part_counts: [0.0, 0.0]", "not all 0"),
        ("hidden_size: 100\nheads: 8", "multiple of 2 x heads"),
        ("device: tpu", "cpu, cuda or auto"),
        ("- seed", "no mapping"),
        ("a: [", "is not YAML"),
    ],
)
def test_bad_settings_are_one_line_and_exit_2(tmp_path, text, says, capsys):
    from hf_lore.tiny.recipe import main

    file = tmp_path / "bad.yaml"
    file.write_text(text)
    with pytest.raises(SystemExit) as stopped:
        main(["--config", str(file), "--out", str(tmp_path / "out")])
    assert stopped.value.code == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert line.startswith("error: ")
    assert says in line
    assert not (tmp_path / "out").exists()


def test_no_gpu_where_one_is_asked_for(tmp_path, capsys):
    from hf_lore.tiny.recipe import main

    if torch.cuda.is_available():
        pytest.skip("there is a GPU here")
    with pytest.raises(SystemExit):
        main(["--config", str(small(tmp_path, device="cuda")), "--out", str(tmp_path / "out")])
    assert "torch sees none" in capsys.readouterr().err


def right_rows(folder):
    """An SFT dataset of the patient's world: its questions and their normal traces."""
    from hf_lore.sampling.prompts import load_tokenizer, render_prompts

    tokenizer = load_tokenizer(folder / "runs" / "tiny_reasoner" / "patient")
    questions = tiny_questions(24, 2, world=LARGE_WORLD)
    rows = []
    for question, prompt in zip(questions, render_prompts(questions, tokenizer), strict=True):
        text = render_completion(question, "normal", LARGE_WORLD) + tokenizer.eos_token
        rows.append(
            {
                "prompt": prompt.text,
                "completion": text,
                "prompt_ids": list(prompt.token_ids),
                "completion_ids": tokenizer.encode(text, add_special_tokens=False),
                "ids_source": "sampled",
                "composite_id": question.id,
                "role": "x1",
                "question_id": question.id,
                "sample_key": question.id,
                "reasoning_tokens": 1,
                "teacher": "the world itself",
                "teacher_revision": "none",
            }
        )
    return write_sft_folder(folder / "rows", rows)


@pytest.mark.slow
def test_the_readme_commands(tmp_path):
    """As printed, with a smaller model, fewer questions and one step of training."""
    text = (FOLDER / "README.md").read_text(encoding="utf-8")
    blocks = "\n".join(re.findall(r"```bash\n(.*?)```", text, re.DOTALL)).replace("\\\n", " ")
    commands = [line for line in blocks.splitlines() if line.strip()]
    verbs = [c.split()[1] for c in commands if c.startswith("hf-lore ")]
    assert verbs == ["sample", "verify", "laws", "select"]
    (tmp_path / "recipes").symlink_to(ROOT / "recipes")
    settings = small(tmp_path, steps=2)
    for line in commands:
        line = line.replace("recipes/tiny_reasoner/patient.yaml", str(settings))
        line = line.replace("--limit 600", "--limit 6").replace("-k 8", "-k 2")
        words = shlex.split(line.replace("--max-new-tokens 2048", "--max-new-tokens 40"))
        if words[0] == "hf-lore":
            words = ["python", "-m", "hf_lore.cli", *words[1:]]
        elif words[0] == "accelerate":
            words[words.index("--config_file") + 1] = "recipes/accelerate_configs/cpu.yaml"
            # A model of two steps gets nothing right, so the rows are right traces instead.
            words[words.index("--dataset_name") + 1] = str(right_rows(tmp_path))
            words = ["python", "-m", "accelerate.commands.launch", *words[2:]]
            words += ["--max_steps", "1", "--bf16", "false"]
        done = subprocess.run(
            [sys.executable, *words[1:]],
            cwd=tmp_path,
            env={**os.environ, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"},
            capture_output=True,
            text=True,
            timeout=300,
        )
        # Nothing right, nothing selected: the one verb that may say so.
        assert done.returncode == 0 or words[3] == "select", done.stderr[-2000:]
    runs = tmp_path / "runs" / "tiny_reasoner"
    assert (runs / "base" / "laws.json").is_file()
    assert (runs / "sft_compo" / "model.safetensors").is_file()
