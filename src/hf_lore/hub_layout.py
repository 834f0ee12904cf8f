"""Folders laid out as a Hub dataset repository: Parquet a config and split, and a README.md whose
YAML names them. `load_dataset("./folder", "config")` reads one with nothing of ours installed.

Pushing them is in hub/; the cards' text comes from the callers.
"""

import os
import re
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from datasets import Dataset, DatasetInfo, Features
from datasets.info import DatasetInfosDict
from datasets.splits import SplitDict, SplitInfo
from datasets.utils.metadata import MetadataConfigs
from huggingface_hub import DatasetCard, DatasetCardData

from .errors import ConfigError

__all__ = ["write_dataset_folder"]


class _Size(NamedTuple):
    in_memory: int
    on_disk: int
    rows: int


def write_dataset_folder(
    folder: Path,
    configs: Mapping[str, Dataset],
    *,
    split: str,
    body: str,
    default: str | None = None,
    pretty_name: str | None = None,
    tags: tuple[str, ...] = (),
    license: str | None = None,
    extra_files: Mapping[str, str] | None = None,
    unions: Mapping[str, Sequence[str]] | None = None,
) -> None:
    """Write datasets as a folder in Hub layout, replacing an older one only once complete.

    Args:
        folder: where; its parent is made.
        configs: config name → dataset; the order is kept in the card.
        split: the one split of every config.
        body: Markdown after the YAML.
        default: the config that `load_dataset(folder)` takes without a name.
        pretty_name, tags, license: for the card's YAML.
        extra_files: file name → text, written beside the README.
        unions: config name → the configs whose files it reads together, none of them twice.

    Raises:
        ConfigError: a config name that is no plain folder name.
    """
    for name in (*configs, *(unions or {})):
        if not re.fullmatch(r"\w[\w.-]*", name):
            raise ConfigError(
                f"{name!r} is no name for a config (it names a folder too); fix: letters, digits, "
                "_, - and . only"
            )
    folder = folder.resolve()
    folder.parent.mkdir(parents=True, exist_ok=True)
    fresh = folder.with_name(f".{folder.name}.part")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir()
    infos, data_files = DatasetInfosDict(), MetadataConfigs()

    def add(name: str, features: Features, paths: list[str], size: _Size) -> None:
        splits = SplitDict()
        splits.add(SplitInfo(split, num_bytes=size.in_memory, num_examples=size.rows))
        infos[name] = DatasetInfo(
            features=features,
            config_name=name,
            splits=splits,
            dataset_size=size.in_memory,
            download_size=size.on_disk,
        )
        path = paths[0] if len(paths) == 1 else paths
        data_files[name] = {"data_files": [{"split": split, "path": path}]}
        if name == default:
            data_files[name]["default"] = True

    sizes: dict[str, _Size] = {}
    for name, dataset in configs.items():
        file = fresh / name / f"{split}-00000-of-00001.parquet"
        file.parent.mkdir()
        in_memory = dataset.to_parquet(str(file))
        sizes[name] = _Size(in_memory, file.stat().st_size, len(dataset))
        add(name, dataset.features, [f"{name}/{split}-*"], sizes[name])
    for name, members in (unions or {}).items():
        total = _Size(*map(sum, zip(*(sizes[member] for member in members))))
        add(name, configs[members[0]].features, [f"{m}/{split}-*" for m in members], total)
    data = DatasetCardData(pretty_name=pretty_name, tags=list(tags) or None, license=license)
    infos.to_dataset_card_data(data)
    data_files.to_dataset_card_data(data)
    card = DatasetCard(f"---\n{data.to_yaml()}\n---\n\n{body.strip()}\n")
    (fresh / "README.md").write_text(str(card), encoding="utf-8")
    for path, text in (extra_files or {}).items():
        (fresh / path).write_text(text, encoding="utf-8")
    if folder.exists():
        old = folder.with_name(f".{folder.name}.old")
        shutil.rmtree(old, ignore_errors=True)
        os.replace(folder, old)
        os.replace(fresh, folder)
        shutil.rmtree(old)
    else:
        os.replace(fresh, folder)
