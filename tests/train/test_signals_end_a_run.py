"""Whatever ends a run: signals end it with all its results, and nothing else of it lives on."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pytest
from torch import Tensor

from allaprima.ending_signals import asked_to_end
from allaprima.models.style_file import load_style, read_header
from allaprima.train.data.data_module import ContentDataModule
from allaprima.train.loop.checkpoints.files import is_whole
from allaprima.train.loop.style_module import StyleTransferModule
from allaprima.train.run_folder import RunFolder, create_run_folder
from tests.conftest import Run
from tests.train.test_style_run import command, start, wait_for_checkpoint

CODES = {signal.SIGTERM: 143, signal.SIGHUP: 129}


def send_in_step(monkeypatch: pytest.MonkeyPatch, step: int, *numbers: int) -> None:
    """Let a run send itself signals while it computes a step."""
    compute = StyleTransferModule.training_step

    def interrupted(self: StyleTransferModule, batch: Tensor, batch_idx: int) -> Tensor:
        if self.global_step == step:
            for number in numbers:
                os.kill(os.getpid(), number)
                time.sleep(0.01)
        return compute(self, batch, batch_idx)

    monkeypatch.setattr(StyleTransferModule, "training_step", interrupted)


@pytest.mark.parametrize("number", CODES)
def test_a_signal_ends_a_run_with_its_results(
    number: int,
    settings: dict[str, Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    send_in_step(monkeypatch, 2, number)
    result = start(settings, tmp_path / "run")
    assert (result.steps, result.interrupted, result.exit_code) == (3, True, CODES[signal.Signals(number)])
    assert load_style(result.style_file).header.steps == 3
    assert is_whole(tmp_path / "run" / "checkpoints" / "3.ckpt")
    messages = [message for message in caplog.messages if "finishing" in message]
    assert messages == [f"finishing the current step; {signal.Signals(number).name} again to abort"]
    assert signal.getsignal(number) == signal.SIG_DFL


def test_a_second_signal_says_what_is_kept(
    settings: dict[str, Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    send_in_step(monkeypatch, 4, signal.SIGINT, signal.SIGINT)
    with pytest.raises(SystemExit) as ended:
        start(settings, tmp_path / "run")
    assert ended.value.code == 130
    root = tmp_path / "run"
    kept = root / "checkpoints" / "4.ckpt"
    assert f"ended at once: '{kept}' is kept; go on from it with --resume {root}" in caplog.messages


def test_what_is_kept_before_the_first_checkpoint(tmp_path: Path) -> None:
    folder = create_run_folder(tmp_path / "run", Path("a.png"))
    assert folder.kept() == f"nothing is kept in '{folder.root}', which has no checkpoint yet"


@pytest.mark.parametrize("number", CODES)
def test_a_signal_before_the_first_step_leaves_nothing(
    number: int, settings: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run: Run
) -> None:
    monkeypatch.setattr(ContentDataModule, "setup", lambda *_: os.kill(os.getpid(), number))
    arguments = command(settings, "--output", str(tmp_path / "run"))
    assert run(*arguments[arguments.index("train") :])[0] == CODES[signal.Signals(number)]
    assert not (tmp_path / "run").exists()
    assert signal.getsignal(number) == signal.SIG_DFL


def test_nohup_goes_on() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    received: list[int] = []
    try:
        with asked_to_end(received.append, str):
            os.kill(os.getpid(), signal.SIGHUP)
            os.kill(os.getpid(), signal.SIGTERM)
        assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)
    assert received == [signal.SIGTERM]


def test_a_folder_has_one_run_at_a_time(settings: dict[str, Any], tmp_path: Path) -> None:
    folder = create_run_folder(tmp_path / "run", Path("a.png"))
    with (
        folder.in_use(),
        pytest.raises(BlockingIOError, match=r"another process is training in '.*run': wait"),
        RunFolder(folder.root).in_use(),
    ):
        pass
    with RunFolder(folder.root).in_use():
        folder.discard_unused()
    assert not folder.root.exists()


def test_the_lock_of_a_killed_run_is_gone(tmp_path: Path) -> None:
    program = """
import sys, time
from pathlib import Path
from allaprima.train.run_folder import RunFolder
with RunFolder(Path(sys.argv[1])).in_use():
    print("locked", flush=True)
    time.sleep(60)
"""
    process = subprocess.Popen([sys.executable, "-c", program, str(tmp_path)], stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"locked\n"
    with pytest.raises(BlockingIOError), RunFolder(tmp_path).in_use():
        pass
    process.kill()
    process.communicate()
    with RunFolder(tmp_path).in_use():
        pass


@pytest.mark.slow
@pytest.mark.parametrize("number", CODES)
def test_the_program_ends_with_the_signals_exit_code(
    number: int, settings: dict[str, Any], tmp_path: Path
) -> None:
    root = tmp_path / "run"
    process = subprocess.Popen(
        command(settings | {"max_steps": 100_000}, "--output", str(root)),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    wait_for_checkpoint(root, process)
    process.send_signal(number)
    output = process.communicate(timeout=100)[0].decode()
    assert process.returncode == CODES[signal.Signals(number)], output
    assert "go on with: allaprima train --resume" in output
    assert read_header(root / "waves.safetensors").steps > 0


@pytest.mark.slow
def test_a_closed_terminal_ends_a_run_with_its_results(settings: dict[str, Any], tmp_path: Path) -> None:
    import pty

    root = tmp_path / "run"
    controller, terminal = pty.openpty()
    process = subprocess.Popen(
        ["setsid", "--ctty", *command(settings | {"max_steps": 100_000}, "--output", str(root))],
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
    )
    os.close(terminal)
    wait_for_checkpoint(root, process)
    os.close(controller)
    assert process.wait(timeout=100) == 129
    assert read_header(root / "waves.safetensors").steps > 0


@pytest.mark.slow
def test_a_killed_run_leaves_no_processes(settings: dict[str, Any], tmp_path: Path) -> None:
    root = tmp_path / "run"
    arguments = ("--workers", "2", "--output", str(root))
    process = subprocess.Popen(
        command(settings | {"max_steps": 100_000}, *arguments),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    wait_for_checkpoint(root, process)
    family = psutil.Process(process.pid).children(recursive=True)
    assert len(family) >= 3  # the fork server and its workers
    process.kill()
    _, alive = psutil.wait_procs(family, timeout=20)
    for orphan in alive:
        orphan.kill()
    process.communicate()
    assert not alive


@pytest.mark.parametrize(
    "error", [ConnectionResetError("reset by peer"), EOFError(), RuntimeError("DataLoader worker is killed")]
)
def test_pictures_that_stop_coming_are_a_message(
    error: Exception, settings: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run: Run
) -> None:
    """A connection of a worker that was just killed ends before anybody knows of its death."""

    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(StyleTransferModule, "training_step", fail)
    arguments = command(settings, "--output", str(tmp_path / "run"))
    code, _, said = run(*arguments[arguments.index("train") :])
    assert code == 1
    assert "error: the pictures stopped coming: " in said


@pytest.mark.slow
def test_a_run_whose_worker_is_killed_ends_with_a_message(settings: dict[str, Any], tmp_path: Path) -> None:
    """As the kernel kills one when memory or /dev/shm is full."""
    root = tmp_path / "run"
    process = subprocess.Popen(
        command(settings | {"max_steps": 100_000}, "--workers", "2", "--output", str(root)),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    wait_for_checkpoint(root, process)
    (*_, worker) = psutil.Process(process.pid).children(recursive=True)
    worker.kill()
    output = process.communicate(timeout=100)[0].decode()
    assert process.returncode == 1, output
    assert "the pictures stopped coming: " in output
    assert "Fewer --workers need less memory" in output
    assert "; the last checkpoint is kept\n" in output
    assert "Traceback" not in output
    assert any(map(is_whole, (root / "checkpoints").glob("*.ckpt")))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_optimize_keeps_the_best_picture(
    number: int,
    photographs: Path,
    style_picture: Path,
    small_weights_file: Path,
    tmp_path: Path,
    run: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from allaprima.train.image_optimization import lbfgs

    note = lbfgs._Evaluations._take_note

    def interrupted(self: Any, values: Any, image: Any) -> None:
        note(self, values, image)
        if len(self.descent.curve) == 3:
            os.kill(os.getpid(), number)
            time.sleep(0.01)

    monkeypatch.setattr(lbfgs._Evaluations, "_take_note", interrupted)
    output, curve = tmp_path / "out.png", tmp_path / "curve.json"
    layers = ("--content-layers", "relu2_1", "--style-layers", "relu1_1,relu2_1")
    code, text, _ = run(
        "optimize",
        photographs / "00.jpg",
        *("--style", style_picture, "--loss-weights", small_weights_file, "--steps", "9", *layers),
        *("-o", output, "--curve", curve),
    )
    assert code == {signal.SIGTERM: 143, signal.SIGINT: 0}[signal.Signals(number)]
    assert "stopped early; the best picture is kept" in text
    assert output.exists()
    assert len(json.loads(curve.read_text())) == 4  # the one that was being computed is the last
