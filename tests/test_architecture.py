"""The house in order: a module imports only from modules above it in the pipeline's order."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

SRC = Path(__file__).resolve().parent.parent / "src" / "hf_lore"

# As drawn in ARCHITECTURE.md. A package counts as one room.
ORDER = (
    "errors",
    "laws",
    "metrics",
    "questions",
    "overlap",
    "sources",
    "mono",
    "compo",
    "chained",
    "builders",
    "question_table",
    "hub_layout",
    "card_templates",
    "card_sections",
    "versions",
    "sampling",
    "verification",
    "mono_checks",
    "build",
    "build_mono",
    "gap_search",
    "selection",
    "adaptive",
    "run",
    "sft",
    "sft_card",
    "tiny",
    "training",
    "paper",
    "report",
    "sampler_options",
    "stages",
    "scale",
    "scoring",
    "report_data",
    "tables",
    "question_sets",
    "accuracy",
    "bench",
    "cards",
    "hub",
    "integrations",
    "study",
    "demo",
    "cli_config",
    "verbs",
    "cli",
    "__main__",
)


def rooms() -> dict[str, list[Path]]:
    found: dict[str, list[Path]] = {}
    for path in sorted(SRC.rglob("*.py")):
        top = path.relative_to(SRC).parts[0].removesuffix(".py")
        if top not in {"__init__", "_recipes", "_cards"}:
            found.setdefault(top, []).append(path)
    return found


def imported_rooms(path: Path) -> set[str]:
    """The rooms of the package that a file imports from, wherever in the file it does."""
    found = set()
    package = ("hf_lore", *path.relative_to(SRC).parent.parts)
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names: list[str] = []
        if isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            module = ".".join((*base, *((node.module or "").split(".") if node.module else ())))
            names = [f"{module}.{a.name}" for a in node.names]
        elif isinstance(node, ast.Import):
            names = [a.name for a in node.names]
        found |= {n.split(".")[1] for n in names if n.startswith("hf_lore.")}
    return found


def test_every_room_has_its_place():
    assert set(rooms()) <= set(ORDER), "give the new module a place in ORDER and ARCHITECTURE.md"


@pytest.mark.parametrize("room", ORDER)
def test_imports_point_up(room):
    allowed = {*ORDER[: ORDER.index(room) + 1]}
    if room == "laws":
        allowed = {"laws"}
    for path in rooms().get(room, []):
        # __version__ and the like live in the package itself.
        wrong = {r for r in imported_rooms(path) if r in ORDER} - allowed
        assert not wrong, f"{path.relative_to(SRC)} imports {wrong}, which come after it"


def test_files_stay_short():
    long = {str(p): n for p in SRC.rglob("*.py") if (n := len(p.read_text().splitlines())) > 400}
    assert not long


@pytest.mark.parametrize("command", [["-c", "import hf_lore"], ["-m", "hf_lore.cli", "--help"]])
def test_no_torch_on_import(command):
    code = subprocess.run(
        [sys.executable, "-X", "importtime", *command], capture_output=True, text=True, timeout=60
    )
    assert code.returncode == 0, code.stderr[-500:]
    heavy = {"torch", "transformers", "trl", "datasets", "sympy", "matplotlib", "aiohttp"}
    loaded = {line.rsplit("|", 1)[-1].strip() for line in code.stderr.splitlines()}
    assert not heavy & loaded
