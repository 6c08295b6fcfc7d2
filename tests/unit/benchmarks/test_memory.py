"""The memory of workers is read from what Linux counts of each mapping."""

from benchmarks.memory import mapped, text

MAPS = """\
7f00-7f10 r--s 00000000 08:01 12 /cache/features/train.npy
Size:               4096 kB
Rss:                2048 kB
Pss:                1024 kB
Private_Clean:         0 kB
Private_Dirty:         0 kB
VmFlags: rd mr
8f00-8f10 rw-p 00000000 00:00 0
Size:               9216 kB
Rss:                8192 kB
Pss:                8192 kB
Private_Clean:      1024 kB
Private_Dirty:      7168 kB
VmFlags: rd wr
"""


def test_a_file_counts_by_its_folder_and_all_memory_without_one() -> None:
    assert list(mapped(MAPS, "/cache/features")) == [(0.0, 2.0, 1.0)]
    assert list(mapped(MAPS, "")) == [(0.0, 2.0, 1.0), (8.0, 8.0, 8.0)]


def test_the_table_has_a_row_for_each_number_of_workers() -> None:
    rows = [
        {"workers": count, "private": 300.0, "cache": 9.0, "cache_all": 9.5} for count in (1, 2)
    ]
    shown = text({"preset": "rooms", "cache_mib": 10.0, "processor": "x", "rows": rows})
    assert "| 2 | 300.0 | 9.0 | 9.5 |" in shown and "has 10.0 MiB (x)" in shown
