import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks.search_quality.public_table import write_table
from benchmarks.search_quality.recorded import Recorded, RecordedCurve, read_recorded
from benchmarks.search_quality.replay import SAMPLERS, USED, _Bench, _jobs, _loss, text
from benchmarks.search_quality.simulation import Ended, Simulation
from benchmarks.search_quality.surrogate import Family, Forest, deviation_of, fit_landscape
from search.pruners import build_pruner
from search.samplers import find_sampler
from search.samplers.startup import quasi_random_point
from search.spaces import Space
from trainer.hyper_parameters import HyperParameter
from trainer.seeds import numpy_generator

SPACE = Space(
    (
        HyperParameter(name="x", low=0.0, high=1.0, default=0.5),
        HyperParameter(name="y", low=0.0, high=1.0, default=0.5),
    )
)
E = 8


def curve(setting: int, seed: int, noise: float = 0.5) -> RecordedCurve:
    params = quasi_random_point(SPACE, setting, 0)
    level = 40 - 30 * abs(params["x"] - 0.3)
    scores = level + noise * numpy_generator("curve", setting, seed).standard_normal(E)
    collapsed = 3 if params["y"] > 0.9 else None
    return RecordedCurve(
        setting=setting,
        seed=seed,
        params=params,
        scores=tuple(scores.tolist()),
        collapsed=collapsed,
    )


def recorded(settings: int, seeds: int) -> Recorded:
    runs = tuple(curve(n, seed) for n in range(1, settings + 1) for seed in range(1, seeds + 1))
    return Recorded(name="made", space=SPACE, evaluations=E, runs=runs, digest="d")


def look(score: float, share: float = 0.3) -> dict[str, Any]:
    return {
        "iteration": 10,
        "loss": 0.1,
        "finite": True,
        "miou": score,
        "accuracy": score,
        "linear_miou": None,
        "cluster_entropy": 0.8,
        "largest_share": share,
        "mean_cosine": 0.1,
    }


def test_the_runs_of_the_public_table_are_read(tmp_path: Path) -> None:
    space = [dataclasses.asdict(each) for each in SPACE.hyper_parameters]
    about = {"iterations": 80, "evaluations": E, "backbone": "b", "images": 3}
    head = {"kind": "set", "set": "weedmap", "space": space, **about}
    run = {"set": "weedmap", "kind": "run", "setting": 1, "params": {"x": 0.1, "y": 0.2}}
    lines = [
        head,
        {**run, "kind": "kmeans", "setting": 0, "seed": 1, "params": {}, "looks": [look(1.0)]},
        {**run, "seed": 2, "looks": [look(float(step)) for step in range(1, E + 1)]},
        {**run, "seed": 3, "looks": [look(1.0, share=0.99)] * E},
    ]
    records, runs, sets = tmp_path / "weedmap.jsonl", tmp_path / "t.csv.gz", tmp_path / "s.json"
    records.write_text("".join(json.dumps(each) + "\n" for each in lines))
    write_table(tmp_path, runs=runs, sets=sets)

    (found,) = read_recorded(["weedmap"], runs=runs, sets=sets)

    assert (found.name, found.evaluations) == ("weedmap", E)
    assert [each.name for each in found.space.hyper_parameters] == ["x", "y"]
    assert [(each.setting, each.seed, each.collapsed) for each in found.runs] == [
        (1, 2, None),
        (1, 3, 3),
    ]
    assert found.runs[0].params == {"x": 0.1, "y": 0.2}
    assert found.runs[0].scores == tuple(map(float, range(1, E + 1)))
    assert found.runs[0].value == found.runs[0].scores[5]
    with pytest.raises(SystemExit, match="--sets rooms is not in the table: choose from weedmap"):
        read_recorded(["rooms"], runs=runs, sets=sets)


def test_every_set_of_the_replay_is_in_the_table() -> None:
    for found in read_recorded(USED):
        assert len(found.runs) >= 80
        assert any(run.collapsed is not None for run in found.runs)
        assert max(run.value for run in found.runs if run.value == run.value) > 15


def test_a_simulated_search_is_as_real_ones_are() -> None:
    runs = recorded(60, 1).runs
    seen: list[int] = []

    def propose(memory: Any, number: int) -> dict[str, float]:
        seen.append(memory.ended)
        return find_sampler("random")(memory.study, SPACE, number, 3)

    found = Simulation(
        space=SPACE,
        propose=propose,
        run_of=lambda number, params: runs[number],
        pruner=build_pruner("none", E),
        trials=40,
        seats=4,
    ).finish()
    assert sorted(each.number for each in found.ended) == list(range(40))
    assert seen == [max(0, number - 5) for number in range(40)]  # 4 seats, and one ahead
    collapsed = {each.number for each in found.ended if each.kind == "collapsed"}
    assert collapsed == {n for n, run in enumerate(runs[:40]) if run.collapsed is not None}
    assert {each.trained for each in found.ended if each.number in collapsed} == {3}


def test_losses_are_counted_among_healthy_runs() -> None:
    drawn = [
        dataclasses.replace(curve(1, 1), scores=(float(value),) * E, collapsed=None)
        for value in (10, 30, 20)
    ]
    drawn.append(dataclasses.replace(drawn[1], scores=(99.0,) * E, collapsed=3))
    ended = [
        Ended(number=0, params={}, value=10.0, trained=E, kind="complete"),
        Ended(number=1, params={}, value=30.0, trained=4, kind="behind"),
        Ended(number=2, params={}, value=20.0, trained=E, kind="complete"),
        Ended(number=3, params={}, value=99.0, trained=3, kind="collapsed"),
    ]
    assert _loss(drawn, ended, E) == {"compute": 23 / 32, "loss": 10.0, "cut": 1.0}


@pytest.mark.filterwarnings(
    "ignore:.*close to the specified:sklearn.exceptions.ConvergenceWarning"
)
@pytest.mark.parametrize("family", ["forest", "process"])
def test_the_landscape_knows_the_recorded_one(family: Family) -> None:
    found = fit_landscape(recorded(120, 3), family)
    assert found.correlation > 0.9
    assert found.determination > 0.8
    assert found.optimum == pytest.approx(40, abs=2)
    assert found.residuals.std() == pytest.approx(0.5, rel=0.2)
    good, bad = {"x": 0.3, "y": 0.2}, {"x": 0.9, "y": 0.2}
    assert found.worth(good) > found.worth(bad) + 10
    assert found.run(good, 1).collapsed is None
    assert found.run({**good, "y": 0.97}, 1).collapsed == 3
    assert found.run(good, 1) == found.run(good, 1) != found.run(good, 2)


def test_with_one_seed_the_noise_does_not_hold_the_error_of_the_forest() -> None:
    """The median of five scores with a deviation of 0.5 has one of 0.27."""
    found = fit_landscape(recorded(120, 1))
    assert deviation_of(found.residuals) == pytest.approx(0.27, abs=0.1)


def test_a_forest_for_single_points_is_scikit_learns() -> None:
    from sklearn.ensemble import RandomForestRegressor

    generator = numpy_generator("forest test")
    inputs, outputs = generator.random((80, 3)), generator.random((80, 2))
    fitted = RandomForestRegressor(20, random_state=0).fit(inputs, outputs)
    ours = Forest.of(fitted)
    for point in generator.random((20, 3)):
        assert ours.predict(point.tolist()) == pytest.approx(fitted.predict([point])[0], abs=1e-12)


def test_each_search_of_the_replay_is_simulated_once() -> None:
    bench = _Bench(recorded=recorded(40, 1), trials=8)
    keys = [key for key, _ in _jobs(bench, 2, SAMPLERS)]
    assert len(keys) == len(set(keys))
    parts = {part for part, _, _ in keys}
    assert parts == {"rules", "samplers", "smooth samplers", "repeats", "landscape"}
    smooth = {name for part, name, _ in keys if part == "smooth samplers"}
    assert smooth == {*SAMPLERS} - {"gp"}


def test_the_page_names_a_sampler_that_is_ahead_and_only_then() -> None:
    def line(part: str, name: str, study: int, **found: Any) -> dict[str, Any]:
        return {
            "data": "made",
            "runs": "made: 10 settings, 1 seeds each",
            "part": part,
            "name": name,
            "study": study,
            **found,
        }

    def searched(name: str, worth: float, studies: int) -> list[dict[str, Any]]:
        worths = {"50": worth - 1, "100": worth, "200": worth}
        return [
            line("samplers", name, n, worth=worths, optimum=40.0, collapsed=0.1)
            for n in range(studies)
        ]

    known = searched("tpe", 38.0, 30)
    assert "`gp` is ahead of it by more than 0.3 points" in text(
        [*known, *searched("gp", 39.0, 30)]
    )
    assert "No sampler is ahead" in text([*known, *searched("gp", 39.0, 29)])
    assert "No sampler is ahead" in text([*known, *searched("gp", 38.2, 30)])
    assert "2.00 [2.00, 2.00]" in text(known)
    better = [line("repeats", "none", n, worth=38.0, optimum=40.0, off=1.0) for n in range(3)]
    better += [line("repeats", "repeats", n, worth=39.0, optimum=40.0, off=0.5) for n in range(3)]
    assert "by 1.00 [1.00, 1.00] points: repeats help" in text(better)
