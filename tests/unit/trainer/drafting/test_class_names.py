"""Class names are read from the files that people have, and from no other text."""

from pathlib import Path

import pytest

from trainer.drafting.class_names import ClassNames, read_class_names


def read(folder: Path, file: str, text: str) -> ClassNames:
    (folder / file).write_text(text, encoding="utf-8")
    return read_class_names(folder, [file])


@pytest.mark.parametrize(
    "text",
    [
        "7 car\n8 sky",
        "car 7\nsky 8",
        "car, 7\nsky, 8",
        "name\tid\ncar\t7\nsky\t8",
        "7: car\n8: sky",
    ],
)
def test_names_with_numbers(text: str, tmp_path: Path) -> None:
    found = read(tmp_path, "classes.txt", text)
    assert found.of_numbers([7, 8]) == {7: "car", 8: "sky"}
    assert found.doubt([7, 8]) is None


def test_a_quoted_field_is_one_name(tmp_path: Path) -> None:
    found = read(tmp_path, "classes.csv", 'name,id\n"sky, far",1\n"car",2')
    assert found.coded == {1: "sky, far", 2: "car"}


def test_names_with_colours(tmp_path: Path) -> None:
    found = read(tmp_path, "palette.csv", "name,r,g,b\ncar,0,0,1\nsky,1,0,0")
    assert found.coded == {1: "car", 1 << 16: "sky"}


@pytest.mark.parametrize(
    ("numbers", "expected", "is_doubted"),
    [
        ([0, 1, 2], {0: "sky", 1: "road", 2: "car"}, False),
        ([1, 2, 3], {1: "sky", 2: "road", 3: "car"}, False),
        ([3, 7, 9], {3: "sky", 7: "road", 9: "car"}, False),
        ([1, 2], {1: "road", 2: "car"}, False),
        ([0, 2], {0: "sky", 2: "car"}, False),
        ([0, 1, 2, 3], {0: "sky", 1: "road", 2: "car"}, True),
        ([1, 3], {1: "road"}, True),
    ],
)
def test_names_alone_belong_to_as_many_classes_or_count_from_0(
    numbers: list[int], expected: dict[int, str], is_doubted: bool, tmp_path: Path
) -> None:
    found = read(tmp_path, "classes.txt", "sky\nroad\ncar")
    named = found.of_numbers(numbers)
    assert {number: named[number] for number in numbers if number in named} == expected
    assert (found.doubt(numbers) is not None) == is_doubted


def test_a_number_behind_equal_words_is_part_of_the_name(tmp_path: Path) -> None:
    found = read(tmp_path, "label_names.txt", "zone 1\nzone 2\nzone 3")
    assert found.listed == ("zone 1", "zone 2", "zone 3")


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("image_names.txt", "img_a.png\nimg_b.png"),
        ("train_labels.txt", "labels/0000\nlabels/0001"),
        ("label_info.txt", "Labels were drawn by hand.\nThey are right."),
        ("label_info.txt", "labels were drawn by hand\nin two weeks of June"),
        ("notes.txt", "sky\nroad"),
        ("classes.txt", "sky"),
    ],
)
def test_other_text_has_no_class_names(file: str, text: str, tmp_path: Path) -> None:
    assert read(tmp_path, file, text) == ClassNames()
