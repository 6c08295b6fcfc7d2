"""The command ``table`` from its file to its pages: real studies, fake workers."""

import contextlib
import importlib
import json
import shlex
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from search.commands.app import app
from search.config.configuration import LaunchConfig
from search.driver.parts import Parts
from search.machine.run_options import RunOptions
from search.records.messages import Begin, Crashed, Event, Order
from search.workers.pool import Pool
from storage.address import parse_address
from storage.database import Database
from storage.lease_record import lease_history
from storage.studies import list_studies
from tests.fakes.pool import InlinePool
from tests.fakes.training import FakeWorker

TABLE = """
title = "Two methods"
base = "rooms"
trials = 3
seeds = 2

[settings]
data.options = { train = 4, val = 2, test = 2, size = 64 }
features = { train_resolution = 32, eval_resolution = 64 }
training = { iterations = 60, batch_size = 4, samples = 3, random_draws = 2 }
evaluation.evaluations = 6
search.pruner = "none"
search.collapse = { entropy_floor = 0.0, share_ceiling = 1.0 }

[[row]]
label = "K-means"
name = "kmeans"
settings.method.name = "kmeans"

[[row]]
label = "UniM2"
settings.method.name = "unim2"
published = { miou = 36.9, accuracy = 56.1, source = "paper, Table 2" }

[[row]]
label = "EAGLE"
published_only = true
modalities = "rgb"
backbone = "ViT-S/16"
data = "nyu"
published = { miou = 27.4, accuracy = 51.6, source = "paper, Table 2" }
"""
METHODS = ("kmeans", "unim2")
STUDIES = ["two-kmeans", "two-unim2"]


class Killed(BaseException):
    """Represents the end of the driver's process: it is never caught."""


class Workers:
    """Opens pools in this process; counts jobs that begin, and kills the driver at one."""

    def __init__(self) -> None:
        self.begun: list[tuple[str, str]] = []
        self.kill_at: tuple[str, str] | None = None
        #: Method, and how the names of the jobs that fail begin.
        self.failing: tuple[str, str] | None = None

    def _fails(self, method: str, job: str) -> bool:
        return (
            self.failing is not None
            and method == self.failing[0]
            and job.startswith(self.failing[1])
        )

    @contextlib.contextmanager
    def open(self, config: LaunchConfig, options: RunOptions, /, **other: Any) -> Iterator[Pool]:
        method = config.train.method.name

        def note(worker: str, order: Order, hosted: FakeWorker) -> Event | None:
            if isinstance(order, Begin):
                key = (method, str(order.task.job))
                if self._fails(*key):
                    return Crashed(reason="RuntimeError: no", traceback="tb")
                if key == self.kill_at:
                    self.kill_at = None
                    raise Killed
                self.begun.append(key)
            return None

        yield InlinePool(options.machine.workers, note)


Run = Callable[..., Any]


@pytest.fixture
def workers() -> Workers:
    return Workers()


@pytest.fixture
def run(
    workers: Workers, database_address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Run:
    """Invokes the command with folders of the test's own."""
    monkeypatch.setenv("UMSS_BOOKINGS", str(tmp_path / "bookings"))

    def invoke(*arguments: str, text: str = TABLE, name: str = "two") -> Any:
        file = tmp_path / f"{name}.toml"
        file.write_text(text)
        places = [
            f"--{name}={tmp_path / name}" for name in ("cache", "checkpoints")
        ]  # fmt: skip
        command = [
            "table", str(file), "--storage", database_address, "--plain",
            "--device=cpu", "--workers=1", f"--out={tmp_path / 'out'}", *places, *arguments,
        ]  # fmt: skip
        return CliRunner().invoke(app, command, obj=Parts(open_workers=workers.open))

    return invoke


def scores(folder: Path, name: str = "two") -> list[str]:
    """The lines of results in the table as Markdown."""
    lines = (folder / f"{name}.md").read_text().split("## ")[1].splitlines()
    return [line for line in lines if " ± " in line]


def test_a_table_is_run_row_by_row_and_read_when_it_is_finished(
    run: Run, workers: Workers, database: Database, tmp_path: Path
) -> None:
    done = run()
    assert done.exit_code == 0, done.output
    assert [record.name for record in list_studies(database.engine)] == STUDIES
    jobs = {method: [job for name, job in workers.begun if name == method] for method in METHODS}
    assert jobs["kmeans"] == [
        "trial/0", "test/0", "confirm/0/seed-1", "confirm/0/seed-2", "test/0/seed-1",
        "test/0/seed-2",
    ]  # fmt: skip
    assert [job for job in jobs["unim2"] if job.startswith("trial")] == [
        "trial/0", "trial/1", "trial/2",
    ]  # fmt: skip
    assert not any("reference" in job for _, job in workers.begun), "K-means is a row"
    assert "row 1 of 2: K-means on rgb, depth" in done.output
    assert "row 1 of 2 is done: 1 left" in done.output
    text = (tmp_path / "out/two.md").read_text()
    assert "| 36.9 | 56.1 | paper, Table 2 |" in text and "(" not in text.split("## ")[1]
    assert (tmp_path / "out/two.csv").exists() and (tmp_path / "out/two.tex").exists()

    before = list(workers.begun)
    again = run("--json")
    assert again.exit_code == 0 and workers.begun == before, "everything was only read"
    found = json.loads(again.stdout)
    assert found["finished"] == 2
    unim2 = found["rows"][1]["result"]
    assert unim2["miou"]["runs"] == 2 and unim2["miou"]["deviation"] is not None
    assert (unim2["readings"], unim2["searched"], unim2["looks"]) == (2, 8, 6)
    assert unim2["iterations"] == (3 + 2) * 60
    assert "finished before, study two-unim2" in again.stderr


def test_some_rows_are_run_and_the_others_shown_as_they_are(
    run: Run, workers: Workers, database: Database, tmp_path: Path
) -> None:
    done = run("--rows", "kmeans")
    assert done.exit_code == 0, done.output
    assert [record.name for record in list_studies(database.engine)] == STUDIES[:1]
    assert "row 1 of 1: K-means" in done.output
    assert {method for method, _ in workers.begun} == {"kmeans"}

    before = len(workers.begun)
    other = run("--rows", "unim2", "--json")
    assert {method for method, _ in workers.begun[before:]} == {"unim2"}
    assert json.loads(other.stdout)["finished"] == 2
    assert len(scores(tmp_path / "out")) == 2

    refused = run("--rows", "kmeans,unim3")
    assert refused.exit_code == 2
    assert "--rows unim3 is not a row of two: choose from kmeans, unim2" in refused.stderr


@pytest.mark.parametrize("kill_at", [("kmeans", "confirm/0/seed-2"), ("unim2", "trial/1")])
def test_a_table_that_was_killed_continues_as_if_undisturbed(
    run: Run, workers: Workers, database: Database, tmp_path: Path, kill_at: tuple[str, str]
) -> None:
    workers.kill_at = kill_at
    with pytest.raises(Killed):
        run()
    begun = len(workers.begun)
    assert run().exit_code == 0
    repeated = set(workers.begun[:begun]) & set(workers.begun[begun:])
    assert len(repeated) <= 1, "only the end of the last job may not have been stored yet"
    with database.engine.connect() as connection:
        assert len(lease_history(connection, f"two-{kill_at[0]}")) == 3
    assert run(name="other").exit_code == 0
    assert len(scores(tmp_path / "out")) == len(METHODS)
    assert scores(tmp_path / "out") == scores(tmp_path / "out", "other")


def test_more_seeds_and_trials_continue_the_studies(
    run: Run, workers: Workers, tmp_path: Path
) -> None:
    assert run().exit_code == 0
    workers.begun.clear()
    assert run("--seeds", "3").exit_code == 0
    assert [job for method, job in workers.begun if method == "kmeans"] == [
        "confirm/0/seed-3", "test/0/seed-3",
    ], "what is stored is neither trained nor scored again"  # fmt: skip
    more = run("--trials", "4", "--json")
    assert more.exit_code == 0, more.output
    unim2 = json.loads(more.stdout)["rows"][1]["result"]
    assert unim2["counts"]["complete"] == 4
    fewer = run("--trials", "3")
    assert fewer.exit_code == 2
    assert "--trials 3 is too small: study two-unim2 has already finished 4" in fewer.stderr


def test_a_row_with_other_settings_than_its_stored_study_is_refused_before_any_work(
    run: Run, workers: Workers
) -> None:
    assert run().exit_code == 0
    workers.begun.clear()
    text = TABLE.replace("iterations = 60", "iterations = 90")
    refused = run(text=text)
    assert refused.exit_code == 2 and workers.begun == []
    assert "training.iterations: 60 → 90" in refused.stderr


def test_a_setting_deleted_from_the_file_does_not_reuse_the_study_that_had_it(
    run: Run, workers: Workers, tmp_path: Path
) -> None:
    """The preset decides about settings that the file leaves out; the stored study differs."""
    assert run().exit_code == 0
    written = (tmp_path / "out/two.csv").read_text()
    workers.begun.clear()
    refused = run(text=TABLE.replace("iterations = 60, ", ""))
    assert refused.exit_code == 2 and workers.begun == []
    assert "training.iterations: 60 → 100" in refused.stderr
    assert "give the row another name" in refused.stderr and "--study" not in refused.stderr
    assert (tmp_path / "out/two.csv").read_text() == written


def test_a_finished_row_on_other_data_is_refused_before_any_work(
    run: Run, workers: Workers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The settings are the same, and the folder holds something else by now."""
    assert run().exit_code == 0
    workers.begun.clear()
    preparing = importlib.import_module("trainer.features.prepare")  # a function has its name
    monkeypatch.setattr(preparing, "data_fingerprint", lambda *_: "other")
    refused = run()
    assert refused.exit_code == 2 and workers.begun == []
    assert "study 'two-kmeans' was created with other data or weights" in refused.stderr


def test_a_row_without_a_complete_trial_says_so_and_the_next_one_runs(run: Run) -> None:
    """With this range every run of the workers here collapses."""
    search = "search = { ranges.b_self = [0.0, 0.05], collapse.share_ceiling = 0.9 }"
    settings = f"settings.{search}"
    row = f'[[row]]\nlabel = "Collapsing"\n{settings}\n\n[[row]]\nlabel = "UniM2"'
    done = run("--json", text=TABLE.replace('[[row]]\nlabel = "UniM2"', row))
    assert done.exit_code == 0, done.output
    rows = json.loads(done.stdout)["rows"]
    states = [row["result"] and row["result"]["state"] for row in rows]
    assert states == ["finished", "unusable", "finished", None]
    assert rows[1]["result"]["miou"] is None and rows[1]["result"]["counts"]["collapsed"] == 3
    assert "study two-collapsing has no complete trial: nothing to confirm" in done.stderr


@pytest.mark.parametrize(("jobs", "state"), [("", "searching"), ("test/0/", "confirming")])
def test_a_row_whose_runs_all_fail_has_no_score_and_does_not_stop_the_next_one(
    run: Run, workers: Workers, tmp_path: Path, database_address: str, jobs: str, state: str
) -> None:
    workers.failing = ("kmeans", jobs)
    done = run("--json", "--rows", "kmeans,unim2")
    assert done.exit_code == 4, done.output
    kmeans, unim2, _ = (row["result"] for row in json.loads(done.stdout)["rows"])
    assert (kmeans["state"], kmeans["miou"], unim2["state"]) == (state, None, "finished")
    assert "row 1 of 2 is done" not in done.stderr
    place = f"--storage {shlex.quote(parse_address(database_address).masked())}"
    why = f"`python -m search status {place} two-kmeans"
    assert f"not finished: two-kmeans; {why}" in done.stderr
    again_with = f"next: python -m search table {tmp_path / 'two.toml'} --rows=kmeans,unim2"
    again_with += f" --out={tmp_path / 'out'} {place}"
    assert done.stderr.splitlines()[-1] == again_with
    assert len(scores(tmp_path / "out")) == 1
    workers.failing = None
    again = run("--json")
    assert again.exit_code == 0 and json.loads(again.stdout)["finished"] == 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--seeds", "1"), "--seeds 1 is too small: give 2 or more"),
        (("--trials", "0"), "--trials 0 is too small: give 1 or more"),
        (("--trials", "1000001"), "--trials 1000001 is too large: give up to 1000000"),
        (("--standby",), "--standby waits for one study, and a table has several: leave it out"),
        (("--backbone-weights", "none.pth", "--data", "/nowhere"), "error: "),
    ],
)
def test_bad_flags_are_refused_in_one_line(
    run: Run, workers: Workers, arguments: tuple[str, ...], message: str
) -> None:
    refused = run(*arguments)
    assert refused.exit_code == 2, refused.output
    assert message in refused.stderr and len(refused.stderr.splitlines()) == 1
    assert workers.begun == []


def test_a_dry_run_prints_rows_studies_and_costs_and_writes_nothing(
    run: Run, workers: Workers, database: Database, tmp_path: Path
) -> None:
    result = run("--dry-run")
    assert result.exit_code == 0, result.output
    assert "two-unim2" in result.stdout and "together at most about" in result.stdout
    assert "quoted, not run: EAGLE" in result.stdout
    assert "measuring row 2 of 2" in result.stderr
    plan = json.loads(run("--dry-run", "--json").stdout)
    assert [row["study"] for row in plan["rows"]] == STUDIES
    assert [(row["trials"], row["fresh_runs"]) for row in plan["rows"]] == [(1, 2), (3, 2)]
    assert plan["rows"][1]["iterations"] == (3 + 2) * 60 and plan["seconds"] > 0
    assert not list_studies(database.engine) and not (tmp_path / "out").exists()
