"""The examples of docs/extending.md: each is added as the page says, and used."""

import importlib
import importlib.util
import re
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import PIL.Image
import pytest

from search import pruners
from search.driver.in_memory_study import InMemoryStudy
from search.driver.rules import Rules
from search.objectives import DEFAULT_OBJECTIVE, find_objective
from search.pruners import CollapseRules, build_pruner
from search.records.outcome import Pruned
from search.spaces import build_space
from tests.fakes.data_sets import mfnet
from tests.fakes.trainer_command import call_trainer
from tests.unit.search.builders import make_report, running
from tests.unit.trainer.small import ROOMS
from trainer import backbones, datasets, methods
from trainer.config.configuration import (
    BackboneConfig,
    DataConfig,
    MethodConfig,
    TrainConfig,
)
from trainer.config.toml_records import record_to_table, toml_text
from trainer.engine.checkpoint import read_record
from trainer.engine.run import config_of
from trainer.errors import ConfigError

PAGE = (Path(__file__).parents[3] / "docs" / "extending.md").read_text(encoding="utf-8")
BLOCKS = re.findall(
    r"^```(?:python|text)\n# (\S+)\n(.*?)^```", PAGE, flags=re.DOTALL | re.MULTILINE
)
#: Section of the page to its file, the code, the file of the table and the line.
EXAMPLES = {
    title: tuple(zip(*blocks, strict=True))
    for title, text in re.findall(r"^## (.*?)\n(.*?)(?=^## |\Z)", PAGE, re.DOTALL | re.MULTILINE)
    if (blocks := [block for block in BLOCKS if block[1] in text])
}

ON_CPU = ("--device", "cpu")


@pytest.fixture
def add(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[str], tuple[Any, Any]]:
    """Adds what a section shows, and no more; returns the table's module and the line's entry."""

    def load(title: str) -> tuple[ModuleType, Any]:
        (file, table), (code, shown) = EXAMPLES[title]
        path = tmp_path / Path(file).name
        path.write_text(code, encoding="utf-8")
        name = file.removesuffix(".py").replace("/", ".")
        spec = importlib.util.spec_from_file_location(name, path)
        assert spec is not None and spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        monkeypatch.setitem(sys.modules, name, module)
        spec.loader.exec_module(module)
        holder = importlib.import_module(table.removesuffix("/__init__.py").removesuffix(".py")
                                         .replace("/", "."))  # fmt: skip
        imports, line = shown.split("\n\n")
        known = dict(vars(holder))
        exec(imports, known)
        brackets = "{{{}}}" if ":" in line else "[{}]"
        return holder, eval(brackets.format(line), known)

    return load


def fit(config: TrainConfig, folder: Path) -> Path:
    """Train as a user would; gives the folder of the checkpoint."""
    file = folder / "run.toml"
    file.write_text(toml_text(record_to_table(config)), encoding="utf-8")
    common = ("--cache", folder / "cache", *ON_CPU)
    assert call_trainer("fit", file, "--out", folder / "run", *common) == 0
    return folder / "run"


def test_every_section_has_one_file_its_import_and_one_line() -> None:
    data = ("A data set", "An image fusion")
    kinds = (*data, "A backbone", "A method", "An objective", "A pruner", "A figure")
    assert tuple(EXAMPLES) == kinds
    assert sum(len(files) for files, _ in EXAMPLES.values()) == len(BLOCKS) == 2 * len(kinds)
    for (file, _), (code, shown) in EXAMPLES.values():
        imports, line = shown.split("\n\n")
        assert code.startswith('"""') and line.count("\n") == 1
        module = file.removesuffix(".py").replace("/", ".")
        assert imports.startswith(f"from {module} import ")


def write_greenhouse(root: Path) -> None:
    """Random images and labels, all names in train."""
    generator = np.random.default_rng(0)
    for folder in ("rgb", "thermal", "labels"):
        (root / folder).mkdir(parents=True)
    names = [f"bed{number}" for number in range(8)]
    for name in names:
        pixels = generator.integers(0, 256, (32, 32, 3), dtype=np.uint8)
        PIL.Image.fromarray(pixels).save(root / f"rgb/{name}.png")
        heat = generator.integers(28000, 32000, (32, 32), dtype=np.uint16)
        PIL.Image.fromarray(heat).save(root / f"thermal/{name}.png")
        label = generator.integers(0, 4, (32, 32), dtype=np.uint8)
        PIL.Image.fromarray(label).save(root / f"labels/{name}.png")
    (root / "train.txt").write_text("\n".join(names), encoding="utf-8")


def test_a_data_set(
    add: Callable[[str], tuple[Any, Any]],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    _, added = add("A data set")
    monkeypatch.setattr(datasets, "DATASETS", {**datasets.DATASETS, **added})
    write_greenhouse(tmp_path / "data")
    data = DataConfig(
        name="greenhouse", root=str(tmp_path / "data"), modalities=("rgb", "thermal")
    )
    run = fit(replace(ROOMS, data=data), tmp_path)
    assert config_of(run).data.name == "greenhouse"
    assert call_trainer("evaluate", run, "--cache", tmp_path / "cache", *ON_CPU) == 0
    (tmp_path / "data/thermal/bed3.png").unlink()
    capsys.readouterr()
    assert call_trainer("inspect", tmp_path / "run.toml") == 1
    assert "bed3.png" in capsys.readouterr().out
    with pytest.raises(ConfigError, match="choose from rgb, thermal"):
        datasets.open_dataset(replace(data, modalities=("rgb", "depth")))


def test_an_image_fusion(
    add: Callable[[str], tuple[Any, Any]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    holder, added = add("An image fusion")
    monkeypatch.setattr(holder, "IMAGE_FUSIONS", {**holder.IMAGE_FUSIONS, **added})
    data = replace(
        mfnet.authors(tmp_path / "data"),
        modalities=("fused",),
        fused="average",
        fused_options={"share": 0.25},
    )
    features = replace(ROOMS.features, neighbours=7)
    training = replace(ROOMS.training, partner_ranks=5)
    run = fit(replace(ROOMS, data=data, features=features, training=training), tmp_path)
    assert config_of(run).data.fused_options == {"share": 0.25}
    source = datasets.open_dataset(data).source
    rgb, thermal, fused = (source.image("00001D", each) for each in ("rgb", "thermal", "fused"))
    np.testing.assert_allclose(fused, 0.75 * rgb + 0.25 * thermal, rtol=1e-6)
    with pytest.raises(ConfigError, match="share = 2 is out of range"):
        datasets.open_dataset(replace(data, fused_options={"share": 2.0}))


def test_a_backbone(
    add: Callable[[str], tuple[Any, Any]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    _, added = add("A backbone")
    monkeypatch.setattr(backbones, "BACKBONES", {**backbones.BACKBONES, **added})
    backbone = BackboneConfig(name="moments", patch=8)
    assert config_of(fit(replace(ROOMS, backbone=backbone), tmp_path)).backbone == backbone
    with pytest.raises(ConfigError, match="does not exist for 'moments'"):
        backbones.build_backbone(replace(backbone, output="keys3"))


def test_a_method(
    add: Callable[[str], tuple[Any, Any]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    _, added = add("A method")
    monkeypatch.setattr(methods, "METHODS", {**methods.METHODS, **added})

    def loss_of(name: str, delta: float, weight: float) -> float:
        (tmp_path / name).mkdir()
        method = MethodConfig(name="huber", code_dim=4, options={"delta": delta})
        config = replace(ROOMS, method=method)
        assert "lambda_align" in build_space("paper", config, {}).defaults
        run = fit(replace(config, hyper={"lambda_align": weight}), tmp_path / name)
        return float(read_record(run)["reports"][0]["terms"]["alignment"])

    usual = loss_of("usual", 0.5, 1.0)
    assert 0 < loss_of("narrow", 0.1, 1.0) < usual < loss_of("heavy", 0.5, 2.0)
    with pytest.raises(ConfigError, match="delta = 0 is out of range"):
        MethodConfig(name="huber", options={"delta": 0.0})


def test_an_objective(
    add: Callable[[str], tuple[Any, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    holder, (objective,) = add("An objective")
    table = {**holder.OBJECTIVES, objective.name: objective}
    monkeypatch.setattr(holder, "OBJECTIVES", table)
    found = holder.find_objective("miou-evenness")
    reports = [make_report(number, miou=40.0, entropy=number / 10) for number in range(1, 8)]
    assert found.score(reports[0]) == pytest.approx(4.0)
    assert found.value(reports) == pytest.approx(20.0)  # the median of the last five
    assert found.value(reports, "best") == pytest.approx(28.0)
    assert found.needs_labels


def test_a_pruner(add: Callable[[str], tuple[Any, Any]], monkeypatch: pytest.MonkeyPatch) -> None:
    _, added = add("A pruner")
    monkeypatch.setattr(pruners, "PRUNERS", {**pruners.PRUNERS, **added})
    rules = Rules(
        objective=find_objective(DEFAULT_OBJECTIVE),
        collapse=CollapseRules(),
        pruner=build_pruner("plateau", 9),
        evaluations=9,
    )
    study = InMemoryStudy("study")
    number = study.add(running())
    reports, outcomes = [], []
    for evaluation, score in enumerate((20.0, 30.0, 29.0, 28.0, 27.0), start=1):
        study.report(number, evaluation, score)
        reports.append(make_report(evaluation, miou=score))
        outcomes.append(rules.decide(study, number, reports))
    assert outcomes[:4] == [None] * 4
    assert outcomes[4] == Pruned(
        kind="behind", reason="no better score than 30.00 in 3 evaluations"
    )


def test_a_figure(
    add: Callable[[str], tuple[Any, Any]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    holder, added = add("A figure")
    monkeypatch.setattr(holder, "FIGURES", added)  # no other, which take longer
    run = fit(ROOMS, tmp_path)
    out = tmp_path / "figures"
    assert call_trainer("figures", run, "--out", out, "--cache", tmp_path / "cache", *ON_CPU) == 0
    assert {file.name for file in out.iterdir()} == {"class-iou.png", "class-iou.svg"}
    assert "IoU, percent" in (out / "class-iou.svg").read_text(encoding="utf-8")
    with PIL.Image.open(out / "class-iou.png") as picture:
        assert np.asarray(picture.convert("L")).std() > 10
