"""Free memory is the least of the machine's and of every control group around the process."""

import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from allaprima.infer.engines import cgroup_memory, memory

V1_MOUNT = "35 31 0:32 {root} {point} rw,relatime shared:9 - cgroup cgroup rw,memory"
V2_MOUNT = "41 31 0:38 {root} {point} rw,relatime - cgroup2 cgroup2 rw,nsdelegate"
GB = 2**30


def process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, cgroup: str, mount: str) -> None:
    """Make this process one with these groups."""
    (tmp_path / "cgroup").write_text(cgroup + "\n")
    (tmp_path / "mountinfo").write_text(mount + "\n")
    monkeypatch.setattr(cgroup_memory, "_PROC", tmp_path)


def v1(folder: Path, limit: int, used: int, cache: int = 0) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "memory.limit_in_bytes").write_text(f"{limit}\n")
    (folder / "memory.usage_in_bytes").write_text(f"{used}\n")
    (folder / "memory.stat").write_text(f"rss 1\ninactive_file 3\ntotal_inactive_file {cache}\n")


def v2(folder: Path, limit: int | str, used: int, cache: int = 0, high: int | str = "max") -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "memory.max").write_text(f"{limit}\n")
    (folder / "memory.high").write_text(f"{high}\n")
    (folder / "memory.current").write_text(f"{used}\n")
    (folder / "memory.stat").write_text(f"anon 1\ninactive_file {cache}\n")


def test_version_1(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    point = tmp_path / "memory"
    process(
        tmp_path,
        monkeypatch,
        cgroup="9:name=systemd:/\n5:devices,memory:/job/step",
        mount=V1_MOUNT.format(root="/", point=point),
    )
    v1(point, 2**63 - 4096, 100 * GB)
    v1(point / "job" / "step", 2**63 - 4096, GB)
    v1(point / "job", 3 * GB, 2 * GB, cache=GB // 2)
    assert cgroup_memory.free_in_groups() == 1.5 * GB  # the job's limit holds for its steps
    v1(point / "job" / "step", GB, GB // 4)
    assert cgroup_memory.free_in_groups() == 0.75 * GB
    assert memory.free_memory() <= 0.75 * GB


def test_nested_groups_of_version_2(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    point = tmp_path / "unified groups"
    process(
        tmp_path,
        monkeypatch,
        cgroup="0::/user.slice/session",
        mount=V2_MOUNT.format(root="/", point=str(point).replace(" ", "\\040")),
    )
    v2(point / "user.slice" / "session", "max", GB)
    assert cgroup_memory.free_in_groups() is None
    assert 0 < memory.free_memory() <= psutil.virtual_memory().total
    v2(point / "user.slice", 4 * GB, 3 * GB, cache=GB)
    assert cgroup_memory.free_in_groups() == 2 * GB
    v2(point / "user.slice" / "session", "max", GB, high=2 * GB)
    assert cgroup_memory.free_in_groups() == GB


@pytest.mark.parametrize(
    ("root", "path"), [("/docker/1f", "/docker/1f"), ("/", "/../.."), ("/docker/1f", "/")]
)
def test_a_container_sees_its_own_limit(
    root: str, path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    point = tmp_path / "memory"
    process(tmp_path, monkeypatch, cgroup=f"4:memory:{path}", mount=V1_MOUNT.format(root=root, point=point))
    v1(point, 3 * GB, 2 * GB)
    assert cgroup_memory.free_in_groups() == GB


def test_more_than_the_limit_in_use_is_nothing_free(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    process(tmp_path, monkeypatch, cgroup="0::/", mount=V2_MOUNT.format(root="/", point=tmp_path / "all"))
    v2(tmp_path / "all", GB, 2 * GB)
    assert memory.free_memory() == 0


def test_no_groups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cgroup_memory, "_PROC", tmp_path / "none")
    assert cgroup_memory.free_in_groups() is None


def test_a_group_of_this_machine() -> None:
    """A real group with a limit, where we may make one."""
    group = next((group for group, _ in cgroup_memory._groups()), None)
    if group is None:
        pytest.skip("needs control groups of memory")
    child = group / "allaprima-test"
    limit = child / ("memory.max" if (group / "cgroup.controllers").exists() else "memory.limit_in_bytes")
    try:
        child.mkdir()
        limit.write_text(str(GB))
    except OSError:
        with suppress(OSError):
            child.rmdir()
        pytest.skip("needs the right to make a control group")
    program = f"""
import os
open({str(child / "cgroup.procs")!r}, "w").write(str(os.getpid()))
from allaprima.infer.engines.memory import free_memory
print(free_memory())
"""
    try:
        done = subprocess.run(
            [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60
        )
    finally:
        child.rmdir()
    assert 0 < int(done.stdout) < GB
