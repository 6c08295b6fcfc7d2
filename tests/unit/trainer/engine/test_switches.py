"""Each setting of the published protocol has its effect, and no other."""

import dataclasses
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.unit.trainer import restated
from tests.unit.trainer.methods.test_methods import step, total
from tests.unit.trainer.packing import same_tensors
from tests.unit.trainer.small import CPU, GRID, small_config, small_dataset_features
from trainer.config.configuration import EvaluationConfig, TrainConfig, TrainingConfig
from trainer.engine.run import Run, best_report
from trainer.engine.slots import Slots
from trainer.errors import ConfigError
from trainer.losses.draws import DrawPlan, repeats
from trainer.seeds import torch_generator

DATASET_FEATURES = small_dataset_features()


def evaluated(config: TrainConfig, **changes: Any) -> TrainConfig:
    return dataclasses.replace(
        config, evaluation=dataclasses.replace(config.evaluation, **changes)
    )


def finish(config: TrainConfig) -> Run:
    run = Run.start(config, DATASET_FEATURES, CPU)
    while not run.finished:
        run.advance()
    return run


# training.random_pairs


def test_repeats_shift_each_fixed_point_of_a_permutation_by_one() -> None:
    # sorting the numbers gives the permutation 1, 0, 2, 3; its fixed points 2 and 3 are shifted
    uniform = torch.tensor([[[0.2, 0.1, 0.3, 0.4, 0.9, 0.8]]])
    assert repeats(uniform, 4).tolist() == [[[1, 0, 3, 0, 4, 5]]]
    assert repeats(torch.zeros(1, 1, 1), 1).tolist() == [[[0]]]


def test_repeats_pair_no_crop_with_itself_but_use_some_crop_twice() -> None:
    drawn = repeats(torch.rand(2000, 1, 32, generator=torch_generator(0)), 32)[:, 0]
    assert (drawn != torch.arange(32)).all()
    proper = (drawn.sort(dim=-1).values == torch.arange(32)).all(dim=-1)
    assert 1 - proper.double().mean() == pytest.approx(0.64, abs=0.03)  # a fixed point in 1 - 1/e


def test_random_pairs_change_only_the_random_groups() -> None:
    plan = DrawPlan(
        batch=6, ranks=3, maps=2, points=4, random_draws=5, masks=2, channels=3, dropout=0.1
    )  # fmt: skip
    cycle, other = (
        dataclasses.replace(plan, random_pairs=name).draw(torch.arange(6), torch_generator(0))
        for name in ("cycle", "repeats")
    )
    assert not torch.equal(cycle.sources_SMBJ[..., 2:], other.sources_SMBJ[..., 2:])
    assert torch.equal(cycle.sources_SMBJ[..., :2], other.sources_SMBJ[..., :2])
    for name in ("queries_SB", "ranks_SB", "sample_weight_SB", "coordinates_SM2BQ2", "masks_SDNC"):
        assert torch.equal(getattr(cycle, name), getattr(other, name)), name


def test_a_run_uses_the_setting_of_random_pairs() -> None:
    states = [
        finish(small_config(training={"random_pairs": name}))._slots.state(0)
        for name in ("cycle", "repeats")
    ]
    assert not torch.equal(states[0]["model.leaf_SP"], states[1]["model.leaf_SP"])
    assert torch.equal(states[0]["draws.generator"], states[1]["draws.generator"])


# method.target_dropout


@pytest.mark.parametrize("name", ["unim2", "stego"])
def test_a_target_without_dropout_changes_only_the_loss(name: str) -> None:
    configs = [
        small_config(modalities=("rgb",), name=name, target_dropout=setting)
        for setting in ("single", "always", "never")
    ]
    made = [step(config) for config in configs]
    assert torch.equal(total(made[0][0]), total(made[1][0]))
    assert all(torch.equal(made[0][0].codes_SBTK, each[0].codes_SBTK) for each in made)
    _, _, views, draws, tokens, rows = made[2]
    assert torch.equal(draws.masks_SDNC, made[0][3].masks_SDNC)
    parameters = {key: view[0].detach().numpy() for key, view in views.items()}
    raw = tokens[0, 0].numpy()
    expected = restated.total_loss(
        raw.reshape(1, 8, *GRID, 6),
        restated.head(raw, parameters, draws.masks_SDNC[0].numpy()).reshape(1, 8, *GRID, 4),
        draws.coordinates_SM2BQ2[0].numpy(),
        draws.sources_SMBJ[0, :, :, 2:].transpose(1, 2).numpy(),
        rows,
    )
    assert float(total(made[2][0]).detach()) == pytest.approx(expected, rel=1e-9)
    assert float(total(made[0][0]).detach()) != pytest.approx(expected, rel=1e-3)


@pytest.mark.parametrize(("name", "maps"), [("unim2", 2), ("stego", 1)])
def test_targets_of_several_modalities_have_dropout_only_with_always(name: str, maps: int) -> None:
    single, always, never = (
        step(small_config(name=name, target_dropout=setting))
        for setting in ("single", "always", "never")
    )
    assert torch.equal(total(single[0]), total(never[0]))
    assert single[3].masks_SDNC.shape[1] == 2 and always[3].masks_SDNC.shape[1] == 2 + maps
    assert torch.equal(single[0].codes_SBTK, always[0].codes_SBTK)
    assert not torch.equal(total(single[0]), total(always[0]))


# evaluation.cadence


def evaluated_at(crops: int, **settings: Any) -> tuple[int, ...]:
    evaluation = {key: settings.pop(key) for key in ("cadence", "every") if key in settings}
    config = TrainConfig(
        training=TrainingConfig(**settings), evaluation=EvaluationConfig(**evaluation)
    )
    return config.evaluate_at(crops=crops)


def test_evaluations_within_an_epoch_are_those_of_the_published_code() -> None:
    nyu = evaluated_at(795 * 5, iterations=3334, cadence="batches")
    assert nyu[:13] == (*range(10, 121, 10), 135)  # 12 per epoch of 125, none at 125
    assert len(nyu) == 320 and nyu[-1] == 3330  # none is forced at the end
    mcubes = evaluated_at(302 * 5, iterations=1334, cadence="batches", every=5)
    assert mcubes[8:10] == (45, 53)  # an epoch has 48


@pytest.mark.parametrize(("photos", "count"), [(795, 20), (302, 52), (784, 20), (1568, 10)])
def test_evaluations_per_epoch_are_those_of_the_published_search(photos: int, count: int) -> None:
    assert len(evaluated_at(photos * 5, iterations=2500, cadence="epoch")) == count


@pytest.mark.parametrize(
    ("settings", "phrase"),
    [
        ({"cadence": "batches", "every": 4}, "or a smaller evaluation.every"),
        ({"cadence": "epoch", "iterations": 2}, "give more iterations$"),
    ],
)
def test_a_run_that_would_never_be_scored_is_refused(
    settings: dict[str, Any], phrase: str
) -> None:
    with pytest.raises(ConfigError, match=phrase) as caught:
        evaluated_at(10, **{"iterations": 100, "batch_size": 4, **settings})
    assert "\n" not in str(caught.value)


def test_evaluating_more_often_does_not_change_training() -> None:
    often = finish(evaluated(small_config(), cadence="batches", every=2))
    seldom = finish(small_config())
    # an epoch has three batches; the twelfth is not evaluated, so it is not trained
    assert [report.iteration for report in often.reports] == [2, 5, 8, 11]
    assert often.finished and often.iterations == often.iteration == 11
    assert often.evaluations == 4 and seldom.evaluations == 3
    often._slots.step()
    ours, theirs = often._slots.state(0), seldom._slots.state(0)
    learnt = [name for name in theirs if "_sum" not in name]  # each evaluation resets the sums
    assert {"model.leaf_SP", "probes.leaf_SP", "draws.generator"} <= set(learnt)
    assert all(torch.equal(ours[name], theirs[name]) for name in learnt)
    assert often.reports[2].cluster == seldom.reports[1].cluster


# evaluation.report


def test_the_best_weights_are_kept_beside_the_last(tmp_path: Path) -> None:
    last, best = (
        finish(evaluated(small_config(), cadence="batches", every=1, report=report))
        for report in ("last", "best")
    )
    assert last.reports == best.reports
    assert same_tensors(last._slots.state(0), best._slots.state(0))
    wanted = max(best.reports, key=lambda report: report.cluster.miou)
    assert wanted is not best.reports[-1], "otherwise this test shows nothing"
    best.save(tmp_path)
    restored = Run.restore(tmp_path, best.config, DATASET_FEATURES, CPU)
    for run in (best, restored):
        assert run.load_selected() == wanted.iteration
        evaluation = run.evaluate(DATASET_FEATURES.val)
        assert (evaluation.cluster, evaluation.linear) == (wanted.cluster, wanted.linear)
    assert last.load_selected() == 12
    assert last.evaluate(DATASET_FEATURES.val).cluster == last.reports[-1].cluster


@pytest.mark.parametrize("stop", [1, 5, 9])
def test_the_best_weights_survive_an_interruption(tmp_path: Path, stop: int) -> None:
    config = evaluated(small_config(), cadence="batches", every=1, report="best")
    whole, run = finish(config), Run.start(config, DATASET_FEATURES, CPU)
    for _ in range(stop):
        run.advance()
    run.save(tmp_path)
    run = Run.restore(tmp_path, config, DATASET_FEATURES, CPU)
    while not run.finished:
        run.advance()
    assert whole._best and same_tensors(run._best, whole._best)


def test_the_best_report_is_the_first_of_equals_and_has_a_score() -> None:
    run = finish(small_config())
    scored = [
        dataclasses.replace(report, cluster=dataclasses.replace(report.cluster, miou=miou))
        for report, miou in zip(run.reports, (float("nan"), 3.0, 3.0), strict=True)
    ]
    assert best_report(scored) is scored[1]


def test_the_best_cannot_be_chosen_without_labels() -> None:
    config = evaluated(small_config(), report="best")
    with pytest.raises(ConfigError, match="has no labels: set it to 'last'"):
        Run.start(config, small_dataset_features(labelled=False), CPU)


# training.precision


@pytest.mark.parametrize("fusion", ["conv", "ladder", "max"])
def test_products_in_bf16_change_the_loss_slightly_and_no_draws(fusion: str) -> None:
    exact, rounded = (
        Slots.start(
            [small_config(fusion=fusion, training={"precision": name})], DATASET_FEATURES, CPU
        )
        for name in ("fp32", "bf16")
    )
    assert exact.evaluate(0, DATASET_FEATURES.val) == rounded.evaluate(0, DATASET_FEATURES.val)
    exact.step()
    rounded.step()
    one, other = exact.take_loss(0), rounded.take_loss(0)
    assert one[1] and other[1]
    assert one[0] != other[0] and one[0] == pytest.approx(other[0], rel=0.02)
    for name in ("draws.generator", "draws.order", "draws.position"):
        assert torch.equal(exact.state(0)[name], rounded.state(0)[name])
    assert all(
        tensor.dtype == exact.state(0)[name].dtype for name, tensor in rounded.state(0).items()
    )
    one_moment, other_moment = (slots.state(0)["model.first_SP"] for slots in (exact, rounded))
    cosine = torch.nn.functional.cosine_similarity(one_moment, other_moment, dim=0)
    assert 0.97 < float(cosine) < 1


def test_bf16_rounds_products_but_not_sums() -> None:
    config = small_config(training={"precision": "bf16"})
    slots = Slots.start([config], DATASET_FEATURES, CPU)
    slots.step()
    moment = slots.state(0)["model.first_SP"]
    assert moment.dtype == torch.float32
    assert not torch.equal(moment, moment.bfloat16().float()), "gradients are sums in float32"
