from collections.abc import Callable
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from tests.fakes.data_sets.pictures import truncate
from trainer.config.configuration import TrainConfig
from trainer.datasets import files
from trainer.errors import DataError
from trainer.features import prepare, validate

FRAME = "leftImg8bit/train/bonn/bonn_000001_000019_leftImg8bit.png"
LABEL = "gtFine/train/bonn/bonn_000001_000019_gtFine_labelIds.png"
DISPARITY = "disparity/train/bonn/bonn_000001_000019_disparity.png"

Street = Callable[..., TrainConfig]


def one_line(caught: pytest.ExceptionInfo[DataError]) -> str:
    text = str(caught.value)
    assert "\n" not in text
    return text


def test_good_images_pass(street: Path, street_config: Street) -> None:
    validate(street_config(street))


@pytest.mark.parametrize("path", [FRAME, DISPARITY, LABEL])
def test_a_truncated_image_is_named(street: Path, street_config: Street, path: str) -> None:
    truncate(street / path)

    with pytest.raises(DataError, match="cannot decode the image") as caught:
        validate(street_config(street))
    assert Path(path).name in one_line(caught)


@pytest.mark.parametrize("content", [b"", b"not an image", b"\x89PNG\r\n\x1a\n" + b"\0" * 40])
def test_a_file_that_is_not_an_image_is_named(
    street: Path, street_config: Street, content: bytes
) -> None:
    (street / FRAME).write_bytes(content)

    with pytest.raises(DataError, match=Path(FRAME).name) as caught:
        validate(street_config(street))
    one_line(caught)


@pytest.mark.parametrize("path", [DISPARITY, LABEL])
def test_another_size_names_both_files(street: Path, street_config: Street, path: str) -> None:
    array = np.asarray(PIL.Image.open(street / path))
    PIL.Image.fromarray(array[:-1]).save(street / path)

    with pytest.raises(DataError, match=r"96 x 47 pixels.*96 x 48") as caught:
        validate(street_config(street))
    text = one_line(caught)
    assert Path(path).name in text and Path(FRAME).name in text


def test_many_images_are_decoded_while_building(
    street: Path, street_config: Street, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "DECODED_BY_CHECK", 5)
    for city in ("aachen", "bonn", "köln"):
        truncate(street / FRAME.replace("bonn", city))

    validate(street_config(street))
    with pytest.raises(DataError, match="cannot decode the image"):
        prepare(street_config(street), cache=tmp_path / "cache")
    assert not list((tmp_path / "cache/banks").glob("*/*"))


@pytest.mark.parametrize(("path", "bits"), [(LABEL, 8), (DISPARITY, 16)])
def test_colour_where_one_channel_belongs_is_refused(
    street: Path, street_config: Street, tmp_path: Path, path: str, bits: int
) -> None:
    colour = np.zeros((48, 96, 3), dtype=np.uint8)
    for city in ("aachen", "bonn", "köln"):
        PIL.Image.fromarray(colour).save(street / path.replace("bonn", city))

    with pytest.raises(
        DataError, match=f"has 3 channels of 8 bits instead of 1 channel of {bits} bits: give the"
    ):
        prepare(street_config(street), cache=tmp_path / "cache")


@pytest.mark.parametrize(("path", "bits"), [(LABEL, 8), (DISPARITY, 16)])
def test_validating_reads_files_like_building(
    street: Path, street_config: Street, path: str, bits: int
) -> None:
    PIL.Image.fromarray(np.zeros((48, 96, 3), dtype=np.uint8)).save(street / path)

    with pytest.raises(DataError, match=f"{Path(path).name} has 3 channels of 8 bits") as caught:
        validate(street_config(street))
    one_line(caught)


def test_of_many_images_only_the_first_is_decoded(
    street: Path, street_config: Street, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "DECODED_BY_CHECK", 5)
    first = LABEL.replace("bonn", "aachen").replace("000001", "000000")
    PIL.Image.fromarray(np.zeros((48, 96, 3), dtype=np.uint8)).save(street / first)

    with pytest.raises(DataError, match="has 3 channels of 8 bits"):
        validate(street_config(street))
