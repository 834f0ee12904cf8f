"""A key that is not known, not once, or not of its type never reaches the trainer."""

import dataclasses

import pytest

from hf_lore.errors import ConfigError
from hf_lore.training.recipe_config import RecipeParser, SftData


@dataclasses.dataclass
class Fields:
    name: str
    learning_rate: float = 1.0
    max_length: int | None = 1024
    packing: bool = False
    tie: bool = True
    targets: list[str] | None = None
    extra: dict | str | None = None


def parse(tmp_path, text=None, *flags):
    argv = list(flags)
    if text is not None:
        (tmp_path / "c.yaml").write_text(text)
        argv = ["--config", str(tmp_path / "c.yaml"), *argv]
    return RecipeParser([Fields]).parse(argv)[0]


def test_values_have_the_type_of_their_field(tmp_path):
    # 3e-4 without a dot is a string to PyYAML.
    got = parse(
        tmp_path,
        "name: a\nlearning_rate: 3e-4\nmax_length: null\npacking: true\ntie: false\n"
        "targets: [q, v]\nextra: {a: 1}\n",
    )
    assert got == Fields("a", 3e-4, None, True, False, ["q", "v"], {"a": 1})


def test_flags_override_the_file_and_the_file_overrides_the_defaults(tmp_path):
    got = parse(
        tmp_path, "name: a\nmax_length: 7\npacking: true\n", "--max_length", "9", "--name=b"
    )
    assert (got.name, got.max_length, got.packing, got.tie) == ("b", 9, True, True)
    # The recipes' own default, since 1024 would cut traces.
    assert parse(tmp_path, "name: a\n").max_length is None
    assert parse(tmp_path, "name: a\n", "--no_tie").tie is False


@pytest.mark.parametrize(
    ("text", "flags", "message"),
    [
        (
            "name: a\nmax_lenght: 4096\n",
            (),
            "unknown key 'max_lenght'; fix: did you mean max_length",
        ),
        ("name: a\nzzz: 1\n", (), "unknown key 'zzz'; fix: remove it"),
        ("name: a\nname: b\n", (), "key 'name' is given twice"),
        ("name: a\nlearning_rate: fast\n", (), "learning_rate is 'fast'; fix: give a float"),
        ("name: a\nmax_length: 1.5\n", (), "max_length is 1.5; fix: give a int"),
        ("name: a\nlearning_rate: null\n", (), "learning_rate is null"),
        ("name: a\nlearning_rate: true\n", (), "not a number"),
        ("name: a\npacking: maybe\n", (), "packing is 'maybe'"),
        ("name: a\nmax_length: [1]\n", (), "is a list"),
        ("name: a\nmax_length: {a: 1}\n", (), "keys are not nested"),
        ("- name\n", (), "is not a mapping"),
        ("name: [\n", (), "is not YAML"),
        ("name: a\n", ("--max_lenght", "3"), "did you mean --max_length"),
        ("name: a\n", ("--pack",), "unknown argument '--pack'"),
        (None, (), "required: --name"),
        (None, ("--config", "/no/such.yaml"), "No such file"),
    ],
)
def test_what_is_refused(tmp_path, text, flags, message):
    with pytest.raises(ConfigError) as error:
        parse(tmp_path, text, *flags)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_precision_follows_the_device():
    from trl import SFTConfig

    parser = RecipeParser([SftData, SFTConfig])
    flags = ["--dataset_name", "d", "--output_dir", "o", "--use_cpu"]
    assert parser.parse(flags)[1].bf16 is False
    assert RecipeParser([SftData, SFTConfig]).parse([*flags, "--bf16", "true"])[1].bf16 is True
    assert parser.parse(flags)[1].max_length is None
