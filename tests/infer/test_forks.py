"""Processes that are forked after painting paint the same and end, or it is an error; nothing hangs."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from allaprima.infer.engines.compiled import compiled_for_all_sizes

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs forks")
SECONDS = 30


def exit_code_of_fork(work: Callable[[], int | None]) -> int | None:
    """Return what a forked process ends with that does some work, or None if it hangs."""
    child = os.fork()
    if child == 0:
        code = 99
        try:
            code = work() or 0
        finally:
            os._exit(code)
    until = time.monotonic() + SECONDS
    while time.monotonic() < until:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.02)
    os.kill(child, 9)
    os.waitpid(child, 0)
    return None


def test_a_forked_process_computes_alone() -> None:
    """Otherwise it would wait for threads that stayed with its parent."""
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        assert exit_code_of_fork(torch.get_num_threads) == 1
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


BEGINNING = """
import os, sys
from pathlib import Path
import numpy as np
from allaprima.infer.engines.load import load_engine

path = Path(sys.argv[1])
picture = np.random.default_rng(0).integers(0, 256, (1, 64, 80, 3), np.uint8)
"""
USED_AND_DROPPED = """
engines = [load_engine(path)]
own = engines[0](picture)
load_engine(path)  # and dropped: OpenVINO keeps its thread for the next one
child = os.fork()
if child == 0:
    same = (engines.pop()(picture) == own).all()  # nobody holds the engine any more
"""
LOADED_ANEW = """
    engines.append(load_engine(path))
    os._exit(5 if same and (engines.pop()(picture) == own).all() else 1)
"""
LOADING_IS_REFUSED = """
    try:
        load_engine(path)
    except RuntimeError as error:
        refused = "cannot load a style in a process that was forked after it had loaded one" in str(error)
    instead = load_engine(Path("udnie-video"))  # OpenVINO's, of its own accord
    os._exit(5 if same and refused and type(instead).__name__ == "EagerEngine" else 1)
"""
LOADED_FIRST_AFTER_THE_FORK = """
from allaprima.infer.engines.openvino import computes_bfloat16

computes_bfloat16()
child = os.fork()
engines = [load_engine(path)]
own = engines[0](picture)
if child == 0:
    os._exit(5 if (load_engine(path)(picture) == own).all() else 1)
"""
ENDING = """
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 5
assert (engines[0](picture) == own).all()
"""


@pytest.mark.parametrize(
    ("name", "after"),
    [
        ("onnx_file", USED_AND_DROPPED + LOADED_ANEW),
        ("pt2_file", USED_AND_DROPPED + LOADED_ANEW),
        ("openvino_file", USED_AND_DROPPED + LOADING_IS_REFUSED),
        ("openvino_file", LOADED_FIRST_AFTER_THE_FORK),
    ],
)
def test_a_forked_process_paints_and_loads_unless_it_would_hang(
    name: str, after: str, request: pytest.FixtureRequest
) -> None:
    path: Path = request.getfixturevalue(name)
    variables = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    command = [sys.executable, "-c", BEGINNING + after + ENDING, str(path)]
    subprocess.run(command, env=variables, timeout=120, check=True)


def test_what_was_compiled_before_a_fork_is_an_error() -> None:
    """Its number of threads is compiled in, and the compiler has threads too: both would be waited for."""

    def double(tensor: torch.Tensor) -> torch.Tensor:
        return 2 * tensor

    def refuses(doubled: Callable[[torch.Tensor], torch.Tensor]) -> int:
        try:
            doubled(torch.ones(1))
        except RuntimeError as error:
            return 7 if "start processes by 'spawn'" in str(error) else 1
        return 0

    with torch.compiler.set_stance("force_eager"):
        doubled = compiled_for_all_sizes(double)
        assert doubled(torch.ones(1)).item() == 2
        assert exit_code_of_fork(lambda: refuses(doubled)) == 7
        assert exit_code_of_fork(lambda: refuses(compiled_for_all_sizes(double))) == 7
        assert doubled(torch.ones(1)).item() == 2


FORKED_AFTER_A_PICTURE = """
import multiprocessing, os, sys
import numpy as np
from allaprima.infer import Stylizer

stylizer = Stylizer.load("great-wave", engine=sys.argv[1])
picture = np.random.default_rng(0).integers(0, 256, (96, 96, 3), np.uint8)

def paint(index):
    return int(stylizer(picture).sum())

if __name__ == "__main__":
    own = paint(0)
    with multiprocessing.get_context("fork").Pool(2) as pool:
        assert pool.map(paint, range(4)) == [own] * 4
    child = os.fork()
    if child == 0:
        for engine in (sys.argv[1], "eager", "onnx", "openvino"):
            refused = engine == sys.argv[1] == "openvino"
            try:
                stylizer = Stylizer.load("great-wave", engine=engine)
            except RuntimeError:
                assert refused
            else:
                assert not refused
                stylizer(picture)
        sys.exit(5)  # as programs end, unlike those of a pool
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 5
"""


@pytest.mark.slow
@pytest.mark.timeout(1200)  # the first may have to be converted
@pytest.mark.parametrize("engine", ["eager", "onnx", "openvino", "aoti"])
def test_processes_forked_after_the_first_picture_paint_the_same(engine: str, tmp_path: Path) -> None:
    program = tmp_path / "forked.py"
    program.write_text(FORKED_AFTER_A_PICTURE)
    root = str(Path(__file__).parents[2])
    variables = os.environ | {"OMP_NUM_THREADS": "2", "PYTHONPATH": root}
    done = subprocess.run([sys.executable, program, engine], env=variables, timeout=1000, check=False)
    assert done.returncode == 0
