"""Whole runs on a small loss network: what they leave behind, and that they can be interrupted."""

import hashlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from torch import Tensor

from allaprima.models.loss_description import LossWeights
from allaprima.models.style_file import load_style, read_header
from allaprima.train.kept_style_pictures import keep_styles
from allaprima.train.loop.limits import DivergenceError
from allaprima.train.run_folder import create_run_folder, new_run, open_run_folder
from allaprima.train.settings.config import TrainConfig
from allaprima.train.settings.parsing import ConfigError, load_config
from allaprima.train.style_picture import read_style_picture
from allaprima.train.style_run import resume_style, train_style
from allaprima.train.style_training_steps import TrainedStyle
from tests.conftest import Run

Start = Callable[..., TrainedStyle]


def start(settings: dict[str, Any], output: Path, **changes: Any) -> TrainedStyle:
    return train_style(load_config(None, {**settings, **changes, "output": output}))


def resume(root: Path, **changes: Any) -> TrainedStyle:
    return resume_style(root, changes)


def command(settings: dict[str, Any], *arguments: str) -> list[str]:
    flags = [part for name, value in settings.items() for part in (f"--{name.replace('_', '-')}", str(value))]
    return [sys.executable, "-m", "allaprima", "train", *flags, *arguments]


def learning_rate(trained: TrainedStyle) -> float:
    """Return what a style file says that its run was at last trained with."""
    _, _, rate = read_header(trained.style_file).command.partition("--lr ")
    return float(rate.split()[0])


def state(root: Path) -> dict[str, Any]:
    checkpoint = open_run_folder(root)[2]
    loaded: dict[str, Any] = torch.load(checkpoint, map_location="cpu", weights_only=True)
    return loaded


@pytest.fixture(scope="module")
def first_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the run is that tests have copies of; the first of them makes it."""
    return tmp_path_factory.mktemp("first") / "run"


@pytest.fixture
def finished(first_run: Path, settings: dict[str, Any], tmp_path: Path) -> Path:
    """The folder of a run of six steps."""
    if not first_run.exists():
        start(settings, first_run)
    return Path(shutil.copytree(first_run, tmp_path / "run"))


def wait_for_checkpoint(root: Path, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + 90
    while not any((root / "checkpoints").glob("*.ckpt")):
        assert process.poll() is None, process.stdout and process.stdout.read().decode()
        assert time.monotonic() < deadline
        time.sleep(0.002)


def assert_same_weights(one: Path, other: Path, *, rtol: float = 0.0, atol: float = 0.0) -> None:
    first, second = state(one), state(other)
    assert first["global_step"] == second["global_step"]
    for name, tensor in first["state_dict"].items():
        difference = (tensor - second["state_dict"][name]).abs()
        assert (difference <= atol + rtol * tensor.abs()).all(), f"{name}: {difference.max():.2e}"


def test_a_run_leaves_everything_in_its_folder(settings: dict[str, Any], tmp_path: Path) -> None:
    root = tmp_path / "run"
    result = start(settings, root, author="A. Painter", licence="CC0-1.0", dtype="float32")
    assert result.steps == 6
    assert not result.interrupted
    assert result.advice == "more steps would help most: the run was too short for a curve"
    assert result.style_file == root / "waves.safetensors"
    with Image.open(result.contact_sheet) as sheet:
        assert sheet.width > 400
    assert {path.name for path in (root / "checkpoints").iterdir()} == {"4.ckpt", "6.ckpt"}
    assert TrainConfig.model_validate(yaml.safe_load((root / "config.yaml").read_text())).crop_size == 32

    header = read_header(result.style_file)
    assert header.steps == 6
    assert header.style_name == "waves.png"
    assert header.author == "A. Painter"
    assert header.command.startswith("allaprima train --style waves.png --content photographs")
    assert str(tmp_path.parent.parent) not in header.command
    assert header.loss.calibrated
    assert header.loss.weights is not None
    assert set(header.loss.weights.style) == {"relu1_1", "relu2_1"}
    assert header.validation.keys() == {"content", "style", "tv", "total"}
    assert header.loss.lineage == "torchvision"
    artefacts = {"checkerboard", "flat_border", "border", "clipped", "blobs"}
    assert header.quality.keys() == {"content", "style", "tv", "total"} | artefacts
    assert header.versions["torch"] == torch.__version__
    averaged = {
        name.removeprefix("averaged."): tensor
        for name, tensor in state(root)["state_dict"].items()
        if name.startswith("averaged.")
    }
    for name, tensor in load_style(result.style_file).network.state_dict().items():
        torch.testing.assert_close(tensor, averaged[name], rtol=0, atol=0)


def test_tensorboard_has_terms_rate_and_previews(finished: Path) -> None:
    events = EventAccumulator(str(finished / "logs"))
    events.Reload()
    tags = events.Tags()
    terms = {f"{part}/{term}" for part in ("train", "val") for term in ("content", "style", "tv", "total")}
    assert terms <= set(tags["scalars"])
    assert {"train/lr", "train/images_per_second"} <= set(tags["scalars"])
    assert tags["images"] == ["preview"]
    assert [event.step for event in events.Images("preview")] == [3, 6]


def test_no_vgg_in_a_checkpoint(finished: Path) -> None:
    assert {name.split(".")[0] for name in state(finished)["state_dict"]} == {"network", "averaged"}


def test_training_lowers_the_objective(settings: dict[str, Any], tmp_path: Path) -> None:
    before = start(settings, tmp_path / "short", max_steps=1, validate_every=1)
    after = start(settings, tmp_path / "long", max_steps=40, validate_every=8)
    assert after.validation["total"] < 0.7 * before.validation["total"]
    assert after.advice.startswith("more time would help most: the held-out objective still fell by ")


def test_a_run_for_films_counts_steadiness_and_resumes_exactly(
    settings: dict[str, Any], tmp_path: Path
) -> None:
    whole, halved = tmp_path / "whole", tmp_path / "halved"
    result = start(settings, whole, temporal=1, final_lr=1)
    assert result.validation.keys() == {"content", "style", "tv", "temporal", "total"}
    assert result.validation["temporal"] > 0
    parts = [value for name, value in result.validation.items() if name != "total"]
    assert result.validation["total"] == pytest.approx(sum(parts), rel=1e-4)
    header = read_header(result.style_file)
    assert header.validation["temporal"] > 0
    assert header.quality["warping_error"] > 0
    assert header.quality["flicker"] > 0
    start(settings, halved, temporal=1, final_lr=1, max_steps=3, checkpoint_every=3)
    resume_style(halved, {"max_steps": 6})
    assert_same_weights(whole, halved)


def test_resumed_run_equals_uninterrupted_one(settings: dict[str, Any], tmp_path: Path) -> None:
    """Two halves give, bit for bit, what one whole run with the same schedule gives."""
    constant = {"final_lr": 1.0, "warmup_steps": 0}
    start(settings, tmp_path / "whole", **constant)
    start(settings, tmp_path / "halves", **constant, max_steps=3)
    resume(tmp_path / "halves", max_steps=6)
    assert_same_weights(tmp_path / "whole", tmp_path / "halves")
    assert state(tmp_path / "whole")["loss_weights"] == state(tmp_path / "halves")["loss_weights"]


def test_a_resumed_run_is_advised_as_an_uninterrupted_one(settings: dict[str, Any], tmp_path: Path) -> None:
    root = tmp_path / "run"
    whole = start(settings, root, validate_every=1)
    assert "over the second half" in whole.advice or "the second half brought" in whole.advice
    (root / "checkpoints" / "6.ckpt").unlink()
    assert resume(root).advice == whole.advice
    assert resume(root).advice == (
        "the run was at its end already (--max-steps 6): to go on, raise that with --resume"
    )


def test_a_run_whose_time_is_used_up_says_so(settings: dict[str, Any], tmp_path: Path) -> None:
    start(settings | {"max_steps": None}, tmp_path / "run", max_time="1s")
    assert "(--max-steps 1000 or --max-time 1s)" in resume(tmp_path / "run", max_steps=1000).advice


def test_killed_run_resumes_exactly(settings: dict[str, Any], tmp_path: Path, run: Run) -> None:
    """SIGKILL in the middle, then --resume: the same weights as if nothing had happened."""
    settings |= {"max_steps": 30}
    start(settings, tmp_path / "whole")
    root = tmp_path / "killed"
    process = subprocess.Popen(
        command(settings, "--output", str(root)), stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    try:
        wait_for_checkpoint(root, process)
    finally:
        process.send_signal(signal.SIGKILL)
        process.communicate()
    assert 0 < state(root)["global_step"] < 30
    assert not (root / "waves.safetensors").exists()
    assert run("train", "--resume", root)[0] == 0
    assert_same_weights(tmp_path / "whole", root)
    assert (root / "waves.safetensors").exists()


def test_two_processes_equal_one_with_the_same_global_batch(settings: dict[str, Any], tmp_path: Path) -> None:
    one = start(settings, tmp_path / "one", batch_size=4)
    other_pictures = start(settings, tmp_path / "other", batch_size=4, seed=1)
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "MASTER_ADDR": "127.0.0.1"}
    arguments = ("--devices", "2", "--strategy", "ddp", "--output", str(tmp_path / "two"))
    subprocess.run(
        command(settings, *arguments), check=True, capture_output=True, env=environment, timeout=200
    )
    # Adam turns rounding into steps of the learning rate where a gradient is zero but for rounding
    # (biases before instance normalisation), so pictures are compared rather than weights.
    image = torch.rand(1, 3, 48, 64, generator=torch.Generator().manual_seed(0))
    pictures = [
        load_style(path).network(image)
        for path in (one.style_file, tmp_path / "two" / "waves.safetensors", other_pictures.style_file)
    ]
    difference = (pictures[0] - pictures[1]).abs().mean()
    assert difference < 2e-3
    assert difference < 0.1 * (pictures[0] - pictures[2]).abs().mean()
    calibrated = [state(tmp_path / name)["loss_weights"]["style"]["relu1_1"] for name in ("one", "two")]
    assert calibrated[0] == pytest.approx(calibrated[1], rel=1e-5)


def test_interrupt_ends_all_processes_together(settings: dict[str, Any], tmp_path: Path) -> None:
    root = tmp_path / "run"
    arguments = ("--devices", "2", "--strategy", "ddp", "--output", str(root))
    process = subprocess.Popen(
        command(settings | {"max_steps": 100_000}, *arguments),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        start_new_session=True,
    )
    try:
        wait_for_checkpoint(root, process)
        os.killpg(process.pid, signal.SIGINT)
        output = process.communicate(timeout=100)[0].decode()
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
    assert process.returncode == 0, output
    assert "go on with: allaprima train --resume" in output
    assert read_header(root / "waves.safetensors").steps == state(root)["global_step"]


def test_time_limits_a_run(settings: dict[str, Any], tmp_path: Path) -> None:
    del settings["max_steps"]
    began = time.monotonic()
    result = start(settings, tmp_path / "run", max_time="2s", validate_every=1000, checkpoint_every="1h")
    took = time.monotonic() - began
    elapsed = state(tmp_path / "run")["callbacks"]["RunLimits"]["elapsed"]
    assert 2 <= elapsed <= took
    assert elapsed - 2 <= 2 * took / result.steps  # it ends with the step in which the time runs out
    assert result.steps < 10_000


def test_divergence_stops_the_run_and_keeps_the_last_good_state(
    settings: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from allaprima.train.objective.perceptual_loss import PerceptualLoss

    of_step, calls = PerceptualLoss.terms, [0]

    def poisoned(self: PerceptualLoss, stylized: Tensor, content: Mapping[str, Tensor]) -> dict[str, Tensor]:
        terms = of_step(self, stylized, content)
        calls[0] += stylized.requires_grad
        return {name: value * (float("nan") if calls[0] > 4 else 1) for name, value in terms.items()}

    monkeypatch.setattr(PerceptualLoss, "terms", poisoned)
    with pytest.raises(DivergenceError, match="the loss is nan at step 5") as caught:
        start(settings, tmp_path / "run", validate_every=100, log_every=1, lr=4e-3)
    assert f"4.ckpt' is kept; go on from it with --resume {tmp_path / 'run'} --lr 0.001" in str(caught.value)
    kept = state(tmp_path / "run")
    assert kept["global_step"] == 4
    assert all(tensor.isfinite().all() for tensor in kept["state_dict"].values())
    assert not (tmp_path / "run" / "waves.safetensors").exists()


def test_divergence_is_not_saved_between_looks(
    settings: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from allaprima.train.objective.perceptual_loss import PerceptualLoss

    of_step, calls = PerceptualLoss.terms, [0]

    def exploding(self: PerceptualLoss, stylized: Tensor, content: Mapping[str, Tensor]) -> dict[str, Tensor]:
        calls[0] += stylized.requires_grad
        scale = 1000.0 if calls[0] > 12 else 1.0
        return {name: scale * value for name, value in of_step(self, stylized, content).items()}

    monkeypatch.setattr(PerceptualLoss, "terms", exploding)
    with pytest.raises(DivergenceError, match="times that of the first steps"):
        start(settings, tmp_path / "run", max_steps=40, log_every=30, validate_every=100)
    assert state(tmp_path / "run")["global_step"] == 12


def test_interrupt_finishes_the_run_early(
    settings: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from allaprima.train.loop.style_module import StyleTransferModule

    step = StyleTransferModule.training_step

    def interrupted(self: StyleTransferModule, batch: Tensor, batch_idx: int) -> Tensor:
        if self.global_step == 2:
            os.kill(os.getpid(), signal.SIGINT)
        return step(self, batch, batch_idx)

    monkeypatch.setattr(StyleTransferModule, "training_step", interrupted)
    result = start(settings, tmp_path / "run")
    assert result.interrupted
    assert result.steps == 3
    assert load_style(result.style_file).header.steps == 3


def test_interrupt_after_a_step_counts_from_the_next_one(
    settings: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Processes that reacted at once would disagree on whether a validation or a step comes next."""
    from allaprima.train.loop.style_module import StyleTransferModule

    end = StyleTransferModule.on_train_batch_end

    def interrupted(self: StyleTransferModule, outputs: Any, batch: Any, batch_idx: int) -> None:
        end(self, outputs, batch, batch_idx)  # Lightning calls the callbacks' before the module's
        if self.global_step == 2:
            os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(StyleTransferModule, "on_train_batch_end", interrupted)
    assert start(settings, tmp_path / "run").steps == 3


def test_a_resumed_run_keeps_its_learning_rate(settings: dict[str, Any], tmp_path: Path) -> None:
    first = start(settings, tmp_path / "first")
    again = start(settings, tmp_path / "again", init=first.style_file, max_steps=1)
    assert learning_rate(again) == 5e-3
    assert load_config(again.folder / "config.yaml").lr is None
    assert learning_rate(resume(again.folder, max_steps=2)) == 5e-3
    file = again.folder / "checkpoints" / "2.ckpt"
    older = torch.load(file, weights_only=True)
    del older["lr"]  # as it was when there was one rate for all
    torch.save(older, file)
    assert learning_rate(resume(again.folder, max_steps=3)) == 1e-2
    assert learning_rate(resume(again.folder, max_steps=4, lr=3e-3)) == 3e-3
    assert learning_rate(resume(again.folder, max_steps=5)) == 3e-3


def test_settings_of_a_run_leave_the_learning_rate_to_what_is_given_with_them(
    finished: Path, tmp_path: Path
) -> None:
    changes = {"optimizer": "adam", "max_steps": 1, "output": tmp_path / "again"}
    assert learning_rate(train_style(load_config(finished / "config.yaml", changes))) == 2e-3


def test_a_run_may_start_from_another_style(settings: dict[str, Any], tmp_path: Path) -> None:
    first = start(settings, tmp_path / "first", dtype="float32")
    again = start(settings, tmp_path / "again", dtype="float32", init=first.style_file, lr=1e-9, max_steps=1)
    expected = load_style(first.style_file).network.state_dict()
    for name, tensor in load_style(again.style_file).network.state_dict().items():
        torch.testing.assert_close(tensor, expected[name], rtol=0, atol=1e-6)
    with pytest.raises(
        ValueError,
        match=r"give --width 4 --residual-blocks 1 .* --no-skip-connection --upsampling bilinear, or",
    ):
        start(settings, tmp_path / "wider", init=first.style_file, width=8)
    with pytest.raises(ValueError, match=r"'great-wave' has another network .* give --network paper, or"):
        start(settings, tmp_path / "bundled", init="great-wave")
    with pytest.raises(FileNotFoundError, match=r"none.safetensors' does not exist"):
        start(settings, tmp_path / "none", init=tmp_path / "none.safetensors")
    first.style_file.unlink()
    resume(tmp_path / "again", max_steps=2)  # the checkpoint has what is needed


def test_a_run_from_random_weights_is_repeated_beside_a_folder_called_none(
    settings: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("none").mkdir()
    settings |= {"init": "none", "max_steps": 1}
    first = start(settings, Path("first"))
    again = train_style(load_config(first.folder / "config.yaml", {"output": "again"}))
    assert_same_weights(first.folder, again.folder)


def test_explicit_weights_switch_calibration_off(settings: dict[str, Any], tmp_path: Path) -> None:
    result = start(settings, tmp_path / "run", content_weight=3, style_weight=5, tv_weight=7, strength=9)
    loss = read_header(result.style_file).loss
    assert not loss.calibrated
    assert loss.weights == LossWeights({"relu2_1": 3}, {"relu1_1": 5, "relu2_1": 5}, 7)


def test_a_presets_objective_survives_resuming(settings: dict[str, Any], tmp_path: Path) -> None:
    constant = {"final_lr": 1.0, "warmup_steps": 0, "loss_preset": "lengstrom", "style_weight": 50}
    whole = start(settings, tmp_path / "whole", **constant)
    start(settings, tmp_path / "halves", **constant, max_steps=3)
    resume(tmp_path / "halves", max_steps=6)
    assert_same_weights(tmp_path / "whole", tmp_path / "halves")
    loss = read_header(whole.style_file).loss
    assert (loss.loss_preset, loss.calibrated) == ("lengstrom", False)
    assert loss.weights == LossWeights({"relu2_1": 7.5}, {"relu1_1": 50, "relu2_1": 50}, 200)


@pytest.mark.slow
def test_compiled_run_saves_clean_names(settings: dict[str, Any], tmp_path: Path) -> None:
    start(settings, tmp_path / "run", compile=True)
    assert not any("_orig_mod" in name for name in state(tmp_path / "run")["state_dict"])


def test_a_damaged_checkpoint_is_left_out(finished: Path, caplog: pytest.LogCaptureFixture) -> None:
    """As after a power cut: the newest is cut off, and the run goes on from the one before."""
    newest = finished / "checkpoints" / "6.ckpt"
    expected = torch.load(newest, weights_only=True)["state_dict"]
    newest.write_bytes(newest.read_bytes()[:-1000])
    assert open_run_folder(finished)[2].name == "4.ckpt"
    assert "6.ckpt' is damaged" in caplog.text
    resume(finished)
    again = torch.load(newest, weights_only=True)["state_dict"]
    assert all(torch.equal(expected[name], again[name]) for name in expected)


def test_a_foreign_checkpoint_is_refused(finished: Path) -> None:
    torch.save({"weights": [1, 2]}, finished / "checkpoints" / "7.ckpt")
    with pytest.raises(ValueError, match=r"7.ckpt' cannot be gone on from: it is damaged or from another"):
        resume(finished)


def test_changed_pictures_are_reported_on_resuming(
    settings: dict[str, Any], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for name in ("style", "content"):
        copy = tmp_path / Path(settings[name]).name
        (shutil.copytree if name == "content" else shutil.copy)(settings[name], copy)
        settings[name] = str(copy)
    start(settings, tmp_path / "run")
    resume(tmp_path / "run", max_steps=8)
    assert "changed since" not in caplog.text
    shutil.copy(next(Path(settings["content"]).iterdir()), Path(settings["content"]) / "another.jpg")
    with Image.open(settings["style"]) as style:
        style.rotate(180).save(settings["style"])
    resume(tmp_path / "run", max_steps=10)
    assert "waves.png' changed since this run began, which goes on with what it was" in caplog.text
    assert "the photographs changed since this run began" in caplog.text


def test_a_run_among_its_photographs_does_not_learn_from_itself(
    settings: dict[str, Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.chdir(shutil.copytree(settings["content"], tmp_path / "photographs"))
    first = train_style(load_config(None, {**settings, "content": ".", "max_steps": 2}))
    assert first.folder == Path("runs/waves")
    assert resume(first.folder, max_steps=4).steps == 4
    assert "changed since" not in caplog.text


@pytest.mark.parametrize("as_typed", ["relative", "absolute"])
def test_a_run_is_resumed_wherever_its_files_are(
    as_typed: str, settings: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run: Run
) -> None:
    home = tmp_path / "home"
    shutil.copytree(settings["content"], home / "photographs")
    (home / "pictures").mkdir()
    shutil.copy(settings["style"], home / "pictures" / "waves.png")
    monkeypatch.chdir(home)
    base = home if as_typed == "absolute" else Path()
    inputs = {"style": str(base / "pictures/waves.png"), "content": str(base / "photographs")}
    trained = start({**settings, **inputs}, Path("runs/waves"))
    before = read_header(trained.style_file)

    monkeypatch.chdir(tmp_path)
    resume(home / "runs" / "waves", max_steps=7)  # from another folder
    home = home.rename(tmp_path / "another disk")
    resume(home / "runs" / "waves", max_steps=8)  # all of it moved
    shutil.rmtree(home / "pictures")
    again = resume(home / "runs" / "waves", max_steps=9)  # without the picture
    header = read_header(again.style_file)
    assert (header.style_sha256, header.style_thumbnail) == (before.style_sha256, before.style_thumbnail)
    assert header.style_name == "waves.png"
    code, _, error = run("evaluate", again.style_file, "--content", home / "photographs" / "00.jpg")
    assert code == 2  # of the small loss network; the picture was found
    assert "the style picture" not in error


def test_the_style_picture_may_be_named_anew_but_not_exchanged(
    finished: Path, settings: dict[str, Any], tmp_path: Path
) -> None:
    moved = shutil.copy(settings["style"], tmp_path / "elsewhere.png")
    again = resume(finished, style=str(moved), max_steps=7)
    assert again.style_file.name == "waves.safetensors"
    with Image.open(moved) as picture:
        picture.rotate(180).save(moved)
    with pytest.raises(ConfigError, match=r"this run began with 'waves.png', which is another style"):
        resume(finished, style=str(moved), max_steps=8)
    with pytest.raises(ConfigError, match=r"missing.png' does not exist; leave it out"):
        resume(finished, style=str(tmp_path / "missing.png"))


def test_a_run_is_resumed_in_its_own_folder_and_no_other(
    finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    moved = finished.rename(tmp_path / "moved")
    (tmp_path / "linked").symlink_to(tmp_path)
    for output in ("moved", "linked/moved", str(moved)):
        assert open_run_folder(Path("moved"), {"output": output})[1].output == moved
    with pytest.raises(ConfigError, match="output cannot change when 'moved' is resumed"):
        open_run_folder(Path("moved"), {"output": "another"})


def test_a_run_of_before_reads_its_style_picture_again(finished: Path) -> None:
    shutil.rmtree(finished / "style-pictures")
    assert resume(finished, max_steps=7).steps == 7


@pytest.mark.parametrize("happens", ["deleted", "overwritten"])
def test_what_becomes_of_the_style_picture_during_a_run_does_not_matter(
    happens: str, settings: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from allaprima.train.loop.style_module import StyleTransferModule

    style = Path(shutil.copy(settings["style"], tmp_path / "night.png"))
    sha256 = hashlib.sha256(style.read_bytes()).hexdigest()
    step = StyleTransferModule.training_step

    def meanwhile(self: StyleTransferModule, batch: Tensor, batch_idx: int) -> Tensor:
        if self.global_step == 2:
            style.unlink()
            if happens == "overwritten":
                shutil.copy(next(Path(settings["content"]).iterdir()), style)
        return step(self, batch, batch_idx)

    undisturbed = read_header(start(settings, tmp_path / "undisturbed", style=str(style)).style_file)
    monkeypatch.setattr(StyleTransferModule, "training_step", meanwhile)
    trained = start(settings, tmp_path / "run", style=str(style))
    assert trained.style_file == tmp_path / "run" / "night.safetensors"
    assert trained.contact_sheet.is_file()
    header = read_header(trained.style_file)
    assert header.style_sha256 == sha256
    assert header.style_thumbnail == undisturbed.style_thumbnail
    assert header.validation == undisturbed.validation


def test_a_run_makes_its_own_folder(
    settings: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("waves", "waves-2"):
        trained = train_style(load_config(None, settings))
        assert trained.folder == Path("runs") / name
        assert trained.style_file.is_file()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"style_layers": "relu1_1,relu9_1"}, "unknown layer 'relu9_1'"),
        ({"strategy": "dpp"}, "this machine cannot train with .*strategy dpp"),
        ({"accelerator": "cuda"}, "this machine cannot train with accelerator cuda"),
    ],
)
def test_what_cannot_work_is_said_before_the_photographs_are_read(
    settings: dict[str, Any], tmp_path: Path, change: dict[str, Any], message: str
) -> None:
    if change == {"accelerator": "cuda"} and torch.cuda.is_available():
        pytest.skip("this machine has a GPU")
    with pytest.raises(ValueError, match=message):
        start({**settings, **change, "content": str(tmp_path / "missing")}, tmp_path / "run")


def test_nothing_is_overwritten(
    finished: Path, settings: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(FileExistsError, match=r"holds a run already: continue it with --resume"):
        start(settings, finished)
    shutil.rmtree(finished / "checkpoints")
    with pytest.raises(FileExistsError, match=r"holds a run already: name another --output"):
        start(settings, finished)
    style = Path(settings["style"])
    with pytest.raises(FileExistsError, match=r"is not empty: name a new folder with --output"):
        create_run_folder(Path(settings["content"]), style)
    (tmp_path / "empty").mkdir()
    assert create_run_folder(tmp_path / "empty", style).checkpoints.is_dir()
    monkeypatch.chdir(tmp_path)
    roots = [create_run_folder(None, style).root for _ in range(3)]  # claimed before anything is written
    assert roots == [Path("runs/waves"), Path("runs/waves-2"), Path("runs/waves-3")]


def test_a_folder_is_given_back_if_no_run_began(tmp_path: Path) -> None:
    folder = create_run_folder(tmp_path / "run", Path("a.png"))
    folder.discard_unused()
    assert not folder.root.exists()
    folder = create_run_folder(tmp_path / "run", Path("a.png"))
    folder.save_config(TrainConfig())
    folder.discard_unused()
    assert folder.checkpoints.is_dir()


def test_a_run_that_ends_with_its_style_kept_and_no_settings_gives_its_folder_back(
    style_picture: Path, tmp_path: Path
) -> None:
    with suppress(SystemExit), new_run(tmp_path / "run", style_picture) as folder:
        keep_styles(folder.styles, [read_style_picture(style_picture, 384)])
        raise SystemExit
    assert not (tmp_path / "run").exists()


def test_folders_that_cannot_be_used_fail_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="cannot be written"):
        create_run_folder(tmp_path / "file" / "run", Path("a.png"))
    with pytest.raises(OSError, match="cannot be written"):
        create_run_folder(tmp_path / "file", Path("a.png"))
    with pytest.raises(FileNotFoundError, match="holds no run to resume"):
        open_run_folder(tmp_path)
    (tmp_path / "config.yaml").write_text("")
    with pytest.raises(FileNotFoundError, match="has no checkpoint"):
        open_run_folder(tmp_path)
    monkeypatch.setattr("allaprima.train.run_folder.NEEDED_BYTES", 10**18)
    with pytest.raises(OSError, match="MB are free"):
        create_run_folder(tmp_path / "run", Path("a.png"))
    assert not (tmp_path / "run").exists()


@pytest.mark.gpu
def test_cuda_run_in_mixed_precision(settings: dict[str, Any], tmp_path: Path) -> None:
    if not torch.cuda.is_available():
        pytest.skip("needs a CUDA device")
    result = start(settings, tmp_path / "run", accelerator="cuda", precision="bf16-mixed", max_steps=20)
    assert all(
        tensor.isfinite().all() for tensor in load_style(result.style_file).network.state_dict().values()
    )


def test_divergence_at_once_leaves_nothing_to_go_on_with(settings: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(
        DivergenceError,
        match=r"no checkpoint yet: start anew with --lr 2\.5e\+29, in another",
    ):
        start(settings, tmp_path / "run", max_steps=9, checkpoint_every=100, log_every=1, lr=1e30)


@pytest.mark.skipif(torch.cuda.is_available(), reason="a GPU computes in float16")
def test_float16_is_refused_on_a_cpu(settings: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="precision 16-mixed is for GPUs"):
        start(settings, tmp_path / "run", precision="16-mixed")


def test_more_sizes_of_a_style_than_it_has_are_refused(settings: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"style_scales is 4, .* has room for [12]; give"):
        start(settings, tmp_path / "run", style_scales=4)
    assert not (tmp_path / "run").exists()


@pytest.mark.skipif(torch.cuda.is_available(), reason="that is all GPUs where there are some")
def test_devices_that_are_none_are_refused(settings: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="this machine cannot train with accelerator cpu, devices -1"):
        start(settings, tmp_path / "run", devices=-1, accelerator="cpu")
