"""Faults with the same cause are one line with their count; others have separate lines."""

import pytest

from trainer.causes import group_alike


@pytest.mark.parametrize(
    "texts",
    [
        [
            f"/data/labels/f{n:03d}.png has 3 channels of 8 bits instead of 1 should be"
            for n in range(29)
        ],
        [f"/my data/bed {n}/x y.png has {n} values that are not finite" for n in range(29)],
        [f"the label of '{n}' (val) has {n}, and classes end at 3" for n in "abc"],
        [f"train.txt has '{n}' but there is no file a/{n}.png: remove '{n}'" for n in "abc"],
        [f"/x/Köln {n}.png is no image" for n in range(3)],
    ],
)
def test_messages_that_differ_only_in_files_and_numbers_have_one_cause(texts: list[str]) -> None:
    (alike,) = group_alike(texts)

    assert alike.line == f"{len(texts)} files; the first: {texts[0]}"


def test_different_causes_stay_separate_and_in_order() -> None:
    texts = [
        "/x/a.png has no matching file of the kind 'disparity'",
        "/x/a.png has no matching file of the kind 'label'",
        "/x/b.png cannot be decoded",
        "/x/b.png has no matching file of the kind 'disparity'",
    ]

    alike = group_alike(texts)

    assert [each.count for each in alike] == [2, 1, 1]
    assert [each.line for each in alike[1:]] == texts[1:3]
    assert group_alike([]) == ()
