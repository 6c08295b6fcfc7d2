"""The trainer's command line on small data: its output and its refusals."""

import dataclasses
import json
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.fakes.trainer_command import call_trainer
from tests.unit.trainer.small import small_config, small_dataset_features
from trainer.commands import evaluate as verb
from trainer.commands import fit, setup
from trainer.commands.presets import resolve_preset
from trainer.config.configuration import TrainConfig
from trainer.config.presets import preset_names
from trainer.config.toml_records import record_to_table, toml_text
from trainer.datasets import open_dataset
from trainer.engine.run import config_of
from trainer.features import DatasetFeatures
from trainer.logs import LOGS
from trainer.logs.base import LogEntry, RunLog
from trainer.logs.nothing import NoLog
from trainer.methods import METHODS


@pytest.fixture
def run_toml(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(setup, "prepare", lambda config, **_: small_dataset_features())
    monkeypatch.setattr(fit, "validate", lambda config: SimpleNamespace(notes=()))
    path = tmp_path / "small.toml"
    path.write_text(toml_text(record_to_table(small_config())))
    return path


def test_fit_then_evaluate(
    run_toml: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = tmp_path / "out"
    assert call_trainer("fit", run_toml, "--out", out, "--device", "cpu") == 0
    printed = capsys.readouterr().out
    assert "evaluation 3/3  iteration 12" in printed
    assert f"python -m trainer evaluate {out} --split test" in printed
    assert config_of(out) == small_config()
    for split in ("val", "test"):
        assert call_trainer("evaluate", out, "--split", split, "--device", "cpu") == 0
        assert re.search(rf"{split} +raw +cluster +\d+\.\d\d", capsys.readouterr().out)


def test_a_folder_without_a_description_is_told_how_to_get_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call_trainer("fit", tmp_path, "--out", tmp_path / "out") == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert f"{tmp_path} is a folder: give a TOML file" in line
    assert "python -m search init FOLDER" in line


def test_fit_resumes_only_its_own_checkpoint(
    run_toml: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = tmp_path / "out"
    for _ in range(2):
        assert call_trainer("fit", run_toml, "--out", out, "--device", "cpu") == 0
    run_toml.write_text(toml_text(record_to_table(small_config(seed=9))))
    assert call_trainer("fit", run_toml, "--out", out, "--device", "cpu") == 2
    assert "seed is 0 there and 9 here" in capsys.readouterr().err


def test_features_prints_the_entry(run_toml: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call_trainer("features", run_toml, "--device", "cpu") == 0
    assert "10 crops, 5 val and 5 test images of rgb, depth" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("line", "phrase"),
    [
        ("seedd = 1", "unknown key 'seedd'"),
        ("[method]\nname = 'hawk'", f"choose one of {', '.join(METHODS)}"),
        ("[hyper]\nlambda_self = 2.0", "lambda_self = 2 is out of range"),
        ("[training]\npartner_ranks = 40", "give fewer ranks"),
        ("not toml", "is not valid TOML"),
    ],
)
def test_user_errors_are_one_line(
    run_toml: Path,
    capsys: pytest.CaptureFixture[str],
    line: str,
    phrase: str,
) -> None:
    run_toml.write_text(line)
    assert call_trainer("fit", run_toml, "--device", "cpu") == 2
    error = capsys.readouterr().err
    assert phrase in error
    assert len(error.strip().splitlines()) == 1


@pytest.mark.parametrize("device", ["gpu", "cuda:99", "meta"])
def test_unknown_devices_are_refused(
    run_toml: Path,
    capsys: pytest.CaptureFixture[str],
    device: str,
) -> None:
    assert call_trainer("fit", run_toml, "--device", device) == 2
    assert f"--device {device} is not" in capsys.readouterr().err


def test_missing_files_are_one_line(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert call_trainer("fit", tmp_path / "no.toml") == 2
    assert call_trainer("evaluate", tmp_path / "no") == 2
    assert len(capsys.readouterr().err.strip().splitlines()) == 2


def test_a_checkpoint_is_scored_where_its_data_moved(
    run_toml: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out, roots = tmp_path / "out", []
    assert call_trainer("fit", run_toml, "--out", out, "--device", "cpu") == 0

    def prepare(config: TrainConfig, **_: Any) -> DatasetFeatures:
        roots.append(config.data.root)
        return small_dataset_features()

    monkeypatch.setattr(setup, "prepare", prepare)
    labelled = open_dataset(small_config().data)  # rooms, which are in no folder
    monkeypatch.setattr(verb, "open_dataset", lambda config: labelled)
    moved = ("--data", tmp_path / "moved")
    assert call_trainer("evaluate", out, "--device", "cpu", *moved) == 0
    assert call_trainer("evaluate", out, "--device", "cpu") == 0
    assert roots == [str(tmp_path / "moved"), None]
    assert len(re.findall("val +raw +cluster", capsys.readouterr().out)) == 2


def test_scores_are_one_json_object_for_scripts(
    run_toml: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = tmp_path / "out"
    assert call_trainer("fit", run_toml, "--out", out, "--device", "cpu") == 0
    capsys.readouterr()
    asked = ("evaluate", out, "--split", "test", "--device", "cpu")
    assert call_trainer(*asked, "--json") == 0
    printed = json.loads(capsys.readouterr().out)
    assert (printed["checkpoint"], printed["split"], printed["iteration"]) == (
        str(out),
        "test",
        12,
    )
    assert printed["protocol"] == "held-out"
    assert [(row["predictions"], row["probe"]) for row in printed["scores"]] == [
        ("raw", "cluster"),
        ("raw", "linear"),
    ]
    assert call_trainer(*asked) == 0
    table = capsys.readouterr().out
    for row in printed["scores"]:
        numbers = " +".join(f"{row[key]:.2f}" for key in ("miou", "miou_all", "accuracy"))
        assert re.search(f"{row['probe']} +{numbers}", table)


def test_a_file_for_a_search_trains_a_single_run_and_says_so(
    run_toml: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    with run_toml.open("a") as file:
        file.write("[search]\ntrials = 7\n[search.ranges]\nlearning_rate = [1e-4, 1e-2]\n")
    assert call_trainer("features", run_toml, "--device", "cpu") == 0
    said = capsys.readouterr().out
    assert f"note: only `python -m search launch` reads [search] of {run_toml}" in said
    assert "settings: preset rooms: " in said and f"settings from {run_toml}: seed, " in said
    assert setup.read_config(run_toml) == small_config()


def test_fit_prints_its_protocol_its_memory_and_the_selected_weights(
    run_toml: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    config = small_config()
    changed = dataclasses.replace(config.evaluation, report="best")
    run_toml.write_text(
        toml_text(record_to_table(dataclasses.replace(config, evaluation=changed)))
    )
    out = tmp_path / "out"
    assert call_trainer("fit", run_toml, "--out", out, "--device", "cpu") == 0
    printed = capsys.readouterr().out
    assert "protocol: held-out, with evaluation.report changed" in printed
    assert len(re.findall(r"memory: at most [\d.]+ [MG]iB", printed)) == 1
    (weights,) = re.findall(r"weights: the best of 3 evaluations on val, .*", printed)
    assert call_trainer("evaluate", out, "--device", "cpu") == 0
    scored = capsys.readouterr().out
    assert "protocol: held-out, with evaluation.report changed" in scored and weights in scored
    best = re.findall(r"mIoU ([0-9.]+) ", weights)
    (row,) = re.findall(r"cluster +([0-9.]+)", scored.partition(weights)[2])
    assert [row] == best


def test_fit_logs_where_asked(
    run_toml: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    pytest.importorskip("tensorboard", reason="the extra tensorboard is not installed")
    out = tmp_path / "out"
    arguments = ("fit", run_toml, "--out", out, "--device", "cpu")
    assert call_trainer(*arguments, "--log", "tensorboard") == 0
    assert list((out / "tensorboard").glob("events.out.tfevents.*"))


def test_fit_takes_every_log_of_the_table(
    run_toml: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[Path] = []

    def open_paper(folder: Path, config: TrainConfig, iteration: int) -> RunLog:
        del config, iteration
        opened.append(folder)
        return NoLog()

    assert isinstance(LOGS, dict)
    monkeypatch.setitem(LOGS, "paper", LogEntry(open=open_paper))
    out = tmp_path / "out"
    assert call_trainer("fit", run_toml, "--out", out, "--device", "cpu", "--log", "paper") == 0
    assert opened == [out]


def test_fit_refuses_an_unknown_log_before_any_work(
    run_toml: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ("fit", run_toml, "--out", tmp_path / "out", "--device", "cpu")
    assert call_trainer(*arguments, "--log", "paper") == 2
    printed = capsys.readouterr()
    known = ", ".join(LOGS)
    assert printed.err.strip() == f"error: --log paper is not known: choose one of {known}"
    assert not printed.out and not (tmp_path / "out").exists()


def test_the_help_of_fit_names_every_log(capsys: pytest.CaptureFixture[str]) -> None:
    assert call_trainer("fit", "--help") == 0
    shown = " ".join(capsys.readouterr().out.replace("│", " ").split())
    assert f"<{'|'.join(LOGS)}>" in shown
    assert "Also log the evaluations to TensorBoard or Weights & Biases." in shown


def test_presets_are_listed_and_printed_as_fit_takes_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call_trainer("presets") == 0
    listed = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in listed] == list(preset_names())
    assert call_trainer("presets", "mcubes-ia-published") == 0
    path = tmp_path / "run.toml"
    path.write_text(capsys.readouterr().out)
    assert setup.read_config(path) == resolve_preset("mcubes-ia-published")
    assert call_trainer("presets", "nyu") == 2
    assert len(capsys.readouterr().err.strip().splitlines()) == 1
