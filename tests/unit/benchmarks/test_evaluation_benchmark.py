"""The benchmark of the evaluation finds equal predictions, and reports different ones."""

import pytest
from torch import Tensor

from benchmarks import evaluation
from trainer.scoring.prediction import Scored


def test_all_ways_predict_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    assert evaluation.main(["--short"]) == 0
    printed = capsys.readouterr().out
    assert "met     all predictions and counts are equal" in printed
    assert all(name in printed for name in evaluation.VARIANTS)


@pytest.mark.parametrize("name", list(evaluation.VARIANTS)[1:])
def test_a_different_prediction_is_reported(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def one_pixel_off(
        codes: Tensor, model: Scored, size: evaluation.Size
    ) -> tuple[Tensor, Tensor]:
        clusters, linear = evaluation.code_by_batch(codes, model, size)
        clusters[0, 0, 0] = (clusters[0, 0, 0] + 1) % size.classes
        return clusters, linear

    monkeypatch.setitem(evaluation.VARIANTS, name, one_pixel_off)
    assert evaluation.main(["--short"]) == 1
    assert "MISSED  all predictions and counts are equal" in capsys.readouterr().out
