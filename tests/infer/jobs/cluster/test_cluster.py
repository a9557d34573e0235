"""Jobs on a real Ray cluster of three nodes, which are processes of this machine."""

import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

from allaprima.infer.jobs.cluster.connection import connected
from allaprima.infer.jobs.cluster.ray_painter import RayPainter, ray_painter
from allaprima.infer.jobs.cluster.resources import Resources
from allaprima.infer.jobs.cluster.work_lists import WorkQueue
from allaprima.infer.jobs.planning.job import Job
from allaprima.infer.jobs.planning.plan import Plan, make_plan
from allaprima.infer.jobs.reports.earlier_runs import read_manifest
from allaprima.infer.jobs.writing import Writing
from tests.conftest import Run
from tests.infer.jobs.conftest import make_pictures

LOADING = {"engine": "eager", "device": "cpu"}
pytestmark = pytest.mark.timeout(900)  # three nodes start on two cores
slow = pytest.mark.slow


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A head without cores and three nodes of one core each, `workers`."""
    pytest.importorskip("ray")
    from ray.cluster_utils import Cluster

    monkeypatch.setenv("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    small: dict[str, Any] = {"object_store_memory": 80 * 2**20}
    made: Any = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, **small})
    made.workers = [made.add_node(num_cpus=1, **small) for _ in range(3)]
    made.wait_for_nodes()
    yield made
    made.shutdown()


def contents(folder: Path) -> dict[str, bytes]:
    """Return the files that are whole; what a killed process was writing has a hidden name."""
    return {path.name: path.read_bytes() for path in folder.iterdir() if not path.name.startswith(".")}


@slow
def test_three_nodes_paint_what_one_machine_paints(
    cluster: Any, style: Path, tmp_path: Path, run: Run
) -> None:
    folder = make_pictures(tmp_path / "in", 40)
    (folder / "bad.png").write_bytes(b"no picture")
    arguments = ("stylize", style, folder, "--engine", "eager")
    assert run(*arguments, "-o", tmp_path / "here")[0] == 1
    on_cluster = (*arguments, "-o", tmp_path / "there", "--cluster", "ray", "--address", cluster.address)
    code, out, error = run(*on_cluster)
    assert code == 1, error
    assert out.startswith("40 pictures stylised, 1 failed")
    assert "bad.png' cannot be read" in error
    assert contents(tmp_path / "there") == contents(tmp_path / "here")
    lines = list(read_manifest(tmp_path / "there.manifest.jsonl"))
    assert lines[0]["job"]["engine"] == "eager"
    assert len(lines) == 42
    assert "0 pictures stylised, 1 failed, 40 skipped" in run(*on_cluster)[1]


def painted_with_a_death(painter: RayPainter, plan: Plan, kill: Callable[[], None]) -> list[str]:
    """Paint, end something once the first results are there, and return what became of each."""
    first = threading.Event()

    def kill_later() -> None:
        first.wait(120)
        time.sleep(0.1)
        kill()

    killer = threading.Thread(target=kill_later)
    killer.start()
    statuses = []
    for outcome in painter.paint(plan, lambda share: None):
        statuses.append(f"{outcome.status} {outcome.job.target.name}")
        first.set()
    killer.join()
    return statuses


def kill_a_worker() -> None:
    """End one of the processes that hold the style, in the middle of its work."""
    mine = [process for process in psutil.process_iter(["cmdline"]) if "ray::Worker" in _words(process)]
    busy = [process for process in mine if "paint" in _words(process)]
    os.kill((busy or mine)[0].pid, signal.SIGKILL)


def _words(process: psutil.Process) -> str:
    return " ".join(process.info["cmdline"] or ())


def plan_of(folder: Path, output: Path) -> Plan:
    return make_plan([folder], output, suffix=None, part=None, into_folder=True)


@slow
@pytest.mark.parametrize("what", ["worker", "node"])
def test_what_dies_loses_nothing(what: str, cluster: Any, style: Path, tmp_path: Path) -> None:
    plan = plan_of(make_pictures(tmp_path / "in", 90, 320), tmp_path / "out")

    def kill() -> None:
        if what == "worker":
            kill_a_worker()
        else:
            cluster.remove_node(cluster.workers[0], allow_graceful=False)

    with ray_painter(cluster.address, style, LOADING, Writing(), Resources(workers=3)) as painter:
        statuses = painted_with_a_death(painter, plan, kill)
    assert sorted(statuses) == [f"stylized {index:03}.png" for index in range(90)]
    there = contents(tmp_path / "out")
    assert sorted(there) == [f"{index:03}.png" for index in range(90)]
    with ray_painter(cluster.address, style, LOADING, Writing(), Resources(workers=1)) as painter:
        again = plan_of(tmp_path / "in", tmp_path / "again")
        assert len(list(painter.paint(again, lambda share: None))) == 90
    assert contents(tmp_path / "again") == there


@slow
def test_a_cluster_without_room_says_what_it_has(cluster: Any, style: Path, tmp_path: Path, run: Run) -> None:
    arguments = (
        "stylize",
        style,
        make_pictures(tmp_path / "in", 1),
        "-o",
        tmp_path / "out",
        "--cluster",
        "ray",
    )
    code, _, error = run(*arguments, "--address", cluster.address, "--worker-gpus", 1)
    assert code == 2
    assert "the cluster has 3 cores and 0 GPUs; a worker is to have 1 and 1" in error


def test_a_list_whose_worker_died_comes_again_in_halves() -> None:
    jobs = [Job(Path(f"{index}.png"), Path(f"out/{index}.png")) for index in range(4)]
    queue = WorkQueue(jobs, [])
    whole = queue.next(1)
    assert len(whole.jobs) == 2
    queue.put_back(whole)
    halves = [queue.next(1), queue.next(1)]
    assert [half.jobs for half in halves] == [jobs[:1], jobs[1:2]]
    queue.put_back(halves[0])
    again = queue.next(1)
    assert (again.jobs, again.deaths) == (jobs[:1], 1)
    rest: list[Job] = []
    while queue:
        rest += queue.next(1).jobs
    assert rest == jobs[2:]


@contextmanager
def silent_port() -> Iterator[int]:
    """A port of this machine that nobody listens at."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]


def test_an_address_where_nobody_answers_is_told_at_once(style: Path, tmp_path: Path, run: Run) -> None:
    folder, started = make_pictures(tmp_path / "in", 1), time.monotonic()
    with silent_port() as port:
        arguments = ("stylize", style, folder, "-o", tmp_path / "out", "--cluster", "ray", "--address")
        code, _, error = run(*arguments, f"127.0.0.1:{port}")
        assert code == 2
        assert f"no Ray cluster answers at '127.0.0.1:{port}'" in error
    assert time.monotonic() - started < 30  # of which importing Ray takes most
    code, _, error = run(*arguments, "nonsense")
    assert code == 2
    assert "address is 'nonsense'; expected host:port" in error
    assert not (tmp_path / "out").exists()


def test_settings_of_a_cluster_need_one(style: Path, tmp_path: Path, run: Run) -> None:
    folder = make_pictures(tmp_path / "in", 1)
    code, _, error = run("stylize", style, folder, "-o", tmp_path / "out", "--workers", 2)
    assert code == 2
    assert "give --cluster ray" in error
    code, _, error = run("stylize", style, folder, "-o", tmp_path / "out.tar", "--cluster", "ray")
    assert code == 2
    assert "one file, which many machines cannot write" in error


def test_connected_is_for_addresses() -> None:
    pytest.importorskip("ray")
    with pytest.raises(ValueError, match="expected host:port"), connected("a:b"):
        pass
