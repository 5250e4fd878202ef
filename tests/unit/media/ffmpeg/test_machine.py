"""What the machine lets us have, as its files say."""

import os
from pathlib import Path

import pytest

from media.ffmpeg.machine import memory_bytes

MiB = 1024 * 1024
HAS_BYTES = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def machine(root: Path, groups: str, limits: dict[str, str]) -> Path:
    """The files of a system: which groups we are in, and what each group may have."""
    for name, text in {"proc/self/cgroup": groups, **limits}.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


@pytest.mark.parametrize(
    ("groups", "limits", "memory"),
    [
        ("0::/\n", {}, HAS_BYTES),
        ("0::/a/b\n", {"sys/fs/cgroup/a/b/memory.max": "max\n"}, HAS_BYTES),
        ("0::/a/b\n", {"sys/fs/cgroup/a/b/memory.max": f"{64 * MiB}\n"}, 64 * MiB),
        (
            "0::/a/b\n",
            {
                "sys/fs/cgroup/a/memory.max": f"{32 * MiB}\n",
                "sys/fs/cgroup/a/b/memory.max": f"{64 * MiB}\n",
            },
            32 * MiB,
        ),
        # In a container: its own group is the root of what it sees.
        ("0::/pod/1\n", {"sys/fs/cgroup/memory.max": f"{64 * MiB}\n"}, 64 * MiB),
        (
            "4:cpu,cpuacct:/a\n3:memory:/a\n0::/\n",
            {"sys/fs/cgroup/memory/a/memory.limit_in_bytes": f"{64 * MiB}\n"},
            64 * MiB,
        ),
        # Version 1 says so when there is no limit.
        (
            "3:memory:/a\n",
            {"sys/fs/cgroup/memory/a/memory.limit_in_bytes": "9223372036854771712\n"},
            HAS_BYTES,
        ),
    ],
)
def test_the_memory_is_what_the_tightest_group_may_have(
    tmp_path: Path, groups: str, limits: dict[str, str], memory: int
) -> None:
    assert memory_bytes(machine(tmp_path, groups, limits)) == memory


def test_without_groups_it_is_all_that_the_machine_has(tmp_path: Path) -> None:
    assert memory_bytes(tmp_path) == HAS_BYTES
