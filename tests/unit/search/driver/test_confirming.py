"""Finalists run again with fresh seeds in ordinary jobs; each is stored exactly once."""

import dataclasses
import re
import statistics
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from search.checkpoints.artifact_store import ArtifactCheckpointStore
from search.checkpoints.folders import folder_name
from search.driver.confirming import Confirming
from search.driver.driver import Ending
from search.errors import ClusterUnreachable, FailureBudget
from search.records.confirmation import (
    CONFIRMED_TEST_ATTRIBUTE,
    PLAN_ATTRIBUTE,
    Confirmation,
    ConfirmationPlan,
    StoredConfirmation,
)
from search.records.messages import Begin, Crashed, Event, Lost, Order
from search.workers.pool import Answer
from storage.artifact_places import open_artifacts
from storage.errors import DatabaseUnreachable
from tests.fakes.memory_search import EVALUATIONS, SPACE, Search
from tests.fakes.pool import Fault, InlinePool, Stall
from tests.fakes.store import MemoryStore
from tests.fakes.training import FakeWorker
from tests.fakes.waiting import wait_until
from trainer.console.shell import search_command

FINALISTS = {4: {"b_self": 0.6}, 2: {"lambda_self": 0.4}, 7: {"b_knn": 0.0}}
SEEDS = 3
RUN_KEY = re.compile("(confirm|reference)/")
RUNS = (len(FINALISTS) + 2) * SEEDS
CRASHED = Crashed(reason="RuntimeError: no", traceback="tb")
LOST = Lost(reason="its node is gone")
AGAIN = "`python -m search confirm study --top 3 --seeds 3`"

PLAN = ConfirmationPlan(
    trials=tuple(FINALISTS),
    seeds=SEEDS,
    chosen_by="model",
    params={trial: {**SPACE.defaults, **params} for trial, params in FINALISTS.items()},
    defaults=SPACE.defaults,
)


def confirming(
    folder: Path,
    *,
    store: MemoryStore | None = None,
    fault: Fault | None = None,
    plan: ConfirmationPlan = PLAN,
    workers: int = 1,
    readings: int = 1,
    **options: Any,
) -> Search:
    store = store or MemoryStore()
    attributes = {key: values[-1] for key, values in store.attributes.items()}
    stored = Confirmation.from_attributes(attributes)
    work = Confirming(plan=plan, stored=stored, readings=readings)
    return Search(folder, store=store, fault=fault, workers=workers, confirming=work, **options)


def results(store: MemoryStore) -> dict[str, list[dict[str, object]]]:
    return {key: values for key, values in store.attributes.items() if RUN_KEY.match(key)}


def undisturbed(folder: Path) -> MemoryStore:
    search = confirming(folder / "undisturbed")
    assert search.driver.run() is Ending.FINISHED
    return search.store


def test_every_finalist_and_reference_runs_once_with_each_seed(tmp_path: Path) -> None:
    store = undisturbed(tmp_path)
    subjects = ("confirm/4", "confirm/2", "confirm/7", "reference/defaults", "reference/kmeans")
    assert results(store).keys() == {
        f"{subject}/seed-{seed}" for subject in subjects for seed in (1, 2, 3)
    }
    assert {len(values) for values in results(store).values()} == {1}
    assert store.attributes[PLAN_ATTRIBUTE] == [
        {"trials": [4, 2, 7], "seeds": 3, "chosen_by": "model"}
    ]
    assert store.entries == [] and store.tests == [], "they are no trials, and no test of these"
    for subject in subjects:
        runs = [results(store)[f"{subject}/seed-{seed}"][0]["value"] for seed in (1, 2, 3)]
        assert len(set(runs)) == SEEDS, "every seed has its own noise"


def test_the_finalists_share_seeds_that_no_trial_used(tmp_path: Path) -> None:
    begun: list[tuple[int, int | None, int]] = []

    def note(worker: str, order: Order, hosted: FakeWorker) -> None:
        if isinstance(order, Begin) and order.task.job.kind != "test":
            begun.append((order.task.trial, order.task.job.seed, order.task.seed))

    confirming(tmp_path, fault=note).driver.run()
    seeds = {(number, seed) for _, number, seed in begun}
    assert len(seeds) == SEEDS and len(begun) == RUNS


class Disturbed:
    """Disturbs every n-th order."""

    def __init__(self, every: int, event: Event | Stall) -> None:
        self._every, self._event, self._orders = every, event, 0

    def __call__(self, worker: str, order: Order, hosted: FakeWorker) -> Event | Stall | None:
        self._orders += 1
        return None if self._orders % self._every else self._event


@pytest.mark.parametrize(("every", "event"), [(5, LOST), (7, CRASHED)])
def test_lost_workers_and_errors_change_no_result(
    tmp_path: Path, every: int, event: Event
) -> None:
    search = confirming(tmp_path, fault=Disturbed(every, event), workers=2)
    assert search.driver.run() is Ending.FINISHED
    assert results(search.store) == results(undisturbed(tmp_path))


@pytest.mark.parametrize("after", [1, 20, 50, 93])
def test_a_killed_confirmation_continues_as_if_undisturbed(tmp_path: Path, after: int) -> None:
    orders = Counter[str]()

    def kill(worker: str, order: Order, hosted: FakeWorker) -> Stall | None:
        orders["given"] += 1
        if orders["given"] < after:
            return None
        search.driver.stop_at_once("killed")
        return Stall()

    search = confirming(tmp_path / "a", fault=kill)
    assert search.driver.run() is Ending.STOPPED
    begun = len(results(search.store))
    store = MemoryStore()
    store.attributes = {key: list(values) for key, values in search.store.attributes.items()}
    made = Counter[str]()

    def count(worker: str, order: Order, hosted: FakeWorker) -> None:
        made["orders"] += 1

    again = confirming(tmp_path / "a", store=store, fault=count)
    assert again.driver.run() is Ending.FINISHED
    expected = undisturbed(tmp_path)
    assert results(again.store) == results(expected)
    assert (
        again.store.attributes[CONFIRMED_TEST_ATTRIBUTE]
        == (expected.attributes[CONFIRMED_TEST_ATTRIBUTE])
    )
    assert made["orders"] <= (RUNS - begun) * EVALUATIONS + 1 + SEEDS


def stopped_after(folder: Path, orders: int, **options: Any) -> MemoryStore:
    """What a confirmation stored that was stopped after so many orders."""
    given = Counter[str]()

    def stop(worker: str, order: Order, hosted: FakeWorker) -> Stall | None:
        given["orders"] += 1
        if given["orders"] < orders:
            return None
        search.driver.stop_at_once("killed")
        return Stall()

    search = confirming(folder, fault=stop, **options)
    assert search.driver.run() is Ending.STOPPED
    return search.store


def test_another_node_scores_the_runs_that_ended_before_it(tmp_path: Path) -> None:
    artifacts = ArtifactCheckpointStore(open_artifacts(str(tmp_path / "artifacts")), "study")
    store = stopped_after(tmp_path / "a", 50, artifact_store=artifacts)
    assert len(results(store)) > SEEDS, "else this shows nothing"
    again = confirming(tmp_path / "b", store=store, artifact_store=artifacts)
    assert again.driver.run() is Ending.FINISHED
    expected = undisturbed(tmp_path).attributes[CONFIRMED_TEST_ATTRIBUTE]
    assert again.store.attributes[CONFIRMED_TEST_ATTRIBUTE] == expected
    wait_until(lambda: not list((tmp_path / "artifacts").rglob("evaluation-*")))


def test_the_checkpoints_of_an_earlier_plan_are_deleted_with_those_of_the_last(
    tmp_path: Path,
) -> None:
    store = stopped_after(tmp_path, 50)
    assert len(results(store)) > SEEDS, "else this shows nothing"
    one = dataclasses.replace(PLAN, trials=PLAN.trials[:1])
    assert confirming(tmp_path, store=store, plan=one).driver.run() is Ending.FINISHED
    attributes = {key: values[-1] for key, values in store.attributes.items()}
    ended = {folder_name(job) for job in Confirmation.from_attributes(attributes).runs}
    assert len(ended) > 3 * SEEDS
    assert not ended & {path.parts[-3] for path in tmp_path.rglob("checkpoint.json")}


def test_more_seeds_add_runs_and_keep_the_old_ones(tmp_path: Path) -> None:
    store = undisturbed(tmp_path)
    more = ConfirmationPlan(**{**vars(PLAN), "seeds": SEEDS + 1})
    confirming(tmp_path, store=store, plan=more).driver.run()
    assert len(results(store)) == RUNS // SEEDS * (SEEDS + 1)
    assert {len(values) for values in results(store).values()} == {1}


def test_with_more_seeds_only_the_new_runs_are_scored_and_all_of_them_averaged(
    tmp_path: Path,
) -> None:
    one = ConfirmationPlan(**{**vars(PLAN), "trials": (4,), "references": ()})
    more = ConfirmationPlan(**{**vars(one), "seeds": SEEDS + 1})
    scored: list[str] = []

    def note(worker: str, order: Order, hosted: FakeWorker) -> None:
        if isinstance(order, Begin) and order.task.job.kind == "test":
            scored.append(str(order.task.job))

    store = MemoryStore()
    search = confirming(tmp_path, store=store, plan=one, fault=note)
    search.driver.run()
    assert scored == [f"test/4/seed-{seed}" for seed in (1, 2, 3)]
    confirming(tmp_path, store=store, plan=more, fault=note, readings=2).driver.run()
    assert scored[3:] == ["test/4/seed-4"]
    scores = [store.attributes[job] for job in scored]
    assert [len(each) for each in scores] == [1] * 4, "each is stored once"
    last = store.attributes[CONFIRMED_TEST_ATTRIBUTE][-1]
    assert (last["seeds"], last["reading"]) == ([1, 2, 3, 4], 3)
    assert last["miou"] == statistics.fmean(float(str(each["miou"])) for [each] in scores)


def test_fewer_seeds_average_stored_scores_without_reading_test(tmp_path: Path) -> None:
    one = ConfirmationPlan(**{**vars(PLAN), "trials": (4,), "references": ()})
    fewer = ConfirmationPlan(**{**vars(one), "seeds": SEEDS - 1})
    store = MemoryStore()
    confirming(tmp_path, store=store, plan=one).driver.run()
    confirming(tmp_path, store=store, plan=fewer, readings=2).driver.run()
    first, last = store.attributes[CONFIRMED_TEST_ATTRIBUTE]
    assert (first["reading"], last["reading"]) == (2, 2)
    assert last["seeds"] == last["planned"] == [1, 2]


def test_scores_that_were_stored_before_a_kill_are_averaged_without_their_checkpoints(
    tmp_path: Path,
) -> None:
    store = undisturbed(tmp_path)
    [expected] = store.attributes.pop(CONFIRMED_TEST_ATTRIBUTE)
    assert list(tmp_path.rglob("checkpoint.json")) == []
    again = confirming(tmp_path, store=store)
    assert again.driver.run() is Ending.FINISHED
    assert store.attributes[CONFIRMED_TEST_ATTRIBUTE] == [expected]


def test_a_plan_without_references_runs_none_and_is_read_back(tmp_path: Path) -> None:
    plan = ConfirmationPlan(**{**vars(PLAN), "references": ("kmeans",)})
    store = MemoryStore()
    confirming(tmp_path, store=store, plan=plan).driver.run()
    kinds = Counter(key.split("/seed")[0] for key in results(store))
    assert kinds.pop("reference/kmeans") == SEEDS and "reference/defaults" not in kinds
    [stored] = store.attributes[PLAN_ATTRIBUTE]
    assert StoredConfirmation.from_json(stored) == plan.stored()


def test_a_failing_run_is_stored_as_failed_and_the_others_continue(tmp_path: Path) -> None:
    def fail(worker: str, order: Order, hosted: FakeWorker) -> Event | None:
        bad = isinstance(order, Begin) and str(order.task.job) == "confirm/2/seed-1"
        return CRASHED if bad else None

    search = confirming(tmp_path, fault=fail)
    assert search.driver.run() is Ending.FINISHED
    [failed] = results(search.store)["confirm/2/seed-1"]
    assert failed["value"] is None and failed["failure"] == "RuntimeError: no"
    assert sum(json["value"] is None for [json] in results(search.store).values()) == 1


def test_a_confirmation_in_which_every_run_fails_stops(tmp_path: Path) -> None:
    search = confirming(tmp_path, fault=lambda worker, order, hosted: CRASHED)
    with pytest.raises(FailureBudget) as caught:
        search.driver.run()
    assert str(caught.value) == (
        "3 of the last 3 runs failed, so the confirmation stopped: their lines above say why;"
        f" fix the cause, then run {AGAIN}"
    )


class Away(InlinePool):
    """Its cluster is lost, and does not come back."""

    def wait(self, timeout: float) -> list[Answer]:
        if self.outage is not None:
            raise ClusterUnreachable("Ray did not come back")
        return self.lose_all("Ray's head does not answer")


def test_a_confirmation_without_its_cluster_names_the_command_that_continues(
    tmp_path: Path,
) -> None:
    with pytest.raises(ClusterUnreachable) as caught:
        confirming(tmp_path, pool=Away()).driver.run()
    assert str(caught.value) == f"Ray did not come back: {AGAIN} continues"


def test_a_confirmation_without_its_database_names_the_command_that_continues(
    tmp_path: Path,
) -> None:
    store = MemoryStore(away_at=set(range(3, 1000)))
    with pytest.raises(DatabaseUnreachable) as caught:
        confirming(tmp_path, store=store, patience=0.3).driver.run()
    assert str(caught.value).endswith(f"so the search stopped: {AGAIN} continues it")


def test_a_confirmation_in_a_table_names_the_command_of_the_table(tmp_path: Path) -> None:
    command = search_command("table", "rooms.toml")
    with pytest.raises(ClusterUnreachable) as caught:
        confirming(tmp_path, pool=Away(), again=command).driver.run()
    assert str(caught.value).endswith(": `python -m search table rooms.toml` continues")


def test_a_collapsed_run_is_trained_to_its_end_and_marked(tmp_path: Path) -> None:
    collapsing = {**SPACE.defaults, "b_self": 0.0}
    plan = ConfirmationPlan(**{**vars(PLAN), "params": {**PLAN.params, 4: collapsing}})
    search = confirming(tmp_path, plan=plan)
    search.driver.run()
    collapsed = {
        key.rpartition("/")[0]
        for key, [json] in results(search.store).items()
        if json["collapsed"]
    }
    assert collapsed == {"confirm/4"}


def test_test_is_read_for_the_confirmed_trial_alone_and_counted(tmp_path: Path) -> None:
    store = undisturbed(tmp_path)
    [scored] = store.attributes[CONFIRMED_TEST_ATTRIBUTE]
    runs = Confirmation.from_attributes({key: json for key, [json] in results(store).items()}).runs
    means = {
        trial: sum(run.value or 0 for job, run in runs.items() if job.trial == trial)
        for trial in FINALISTS
    }
    assert scored["trial"] == max(means, key=lambda trial: means[trial])
    assert scored["seeds"] == scored["planned"] == [1, 2, 3] and scored["reading"] == 2
    assert list(tmp_path.rglob("checkpoint.json")) == []
    confirming(tmp_path, store=store, readings=2).driver.run()
    assert len(store.attributes[CONFIRMED_TEST_ATTRIBUTE]) == 1, "the same runs are not read again"


def test_if_no_run_can_be_scored_the_reason_is_shown_and_the_next_time_they_are(
    tmp_path: Path,
) -> None:
    def fail(worker: str, order: Order, hosted: FakeWorker) -> Event | None:
        return CRASHED if isinstance(order, Begin) and order.task.job.kind == "test" else None

    search = confirming(tmp_path, fault=fail)
    assert search.driver.run() is Ending.FINISHED
    [line] = [event for event in search.progress.events if event.startswith("no test score")]
    reason = "the test split was not scored: RuntimeError: no; to try again, run "
    assert line.endswith(f": {reason}{AGAIN}")
    assert CONFIRMED_TEST_ATTRIBUTE not in search.store.attributes
    confirming(tmp_path, store=search.store).driver.run()
    assert len(search.store.attributes[CONFIRMED_TEST_ATTRIBUTE]) == 1


def test_if_the_checkpoints_of_all_runs_are_missing_that_is_shown(tmp_path: Path) -> None:
    store = undisturbed(tmp_path)
    for key in [key for key in store.attributes if key.startswith("test/")]:
        del store.attributes[key]
    del store.attributes[CONFIRMED_TEST_ATTRIBUTE]
    again = confirming(tmp_path, store=store)
    assert again.driver.run() is Ending.FINISHED
    [line] = [event for event in again.progress.events if event.startswith("no test score")]
    assert line.endswith(": the checkpoints of its fresh runs are missing")
