"""A base: many styles in one network, which new styles start from."""

import os
import signal
from collections.abc import Callable
from pathlib import Path
from shutil import copy

import pytest
import torch
import yaml
from torch import Tensor
from torch._dynamo.utils import counters

from allaprima.models.style_file import load_style, read_header
from allaprima.models.transformer import TransformerNetwork
from allaprima.train.pretraining.multi_style_module import BaseModule

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def styles(style_picture: Path, photographs: Path, tmp_path: Path) -> Path:
    folder = tmp_path / "styles"
    folder.mkdir()
    copy(style_picture, folder / "one.png")
    copy(next(path for path in sorted(photographs.iterdir()) if path.suffix != ".txt"), folder / "two.jpg")
    return folder


@pytest.fixture
def settings(styles: Path, photographs: Path, small_weights_file: Path, tmp_path: Path) -> Path:
    config = tmp_path / "base.yaml"
    values = {
        "styles": str(styles),
        "content": str(photographs),
        "loss_weights": str(small_weights_file),
        "content_layers": ["relu2_1"],
        "style_layers": ["relu1_1", "relu2_1"],
        "width": 4,
        "residual_blocks": 1,
        "crop_size": 32,
        "batch_size": 2,
        "val_pictures": 2,
        "max_steps": 4,
        "checkpoint_every": 2,
        "validate_every": 4,
        "precision": "32-true",
        "accelerator": "cpu",
        "cache_dir": str(tmp_path / "cache"),
    }
    config.write_text(yaml.safe_dump(values))
    return config


def test_a_base_learns_several_styles_and_others_start_from_it(
    run: Run, settings: Path, style_picture: Path, photographs: Path, tmp_path: Path
) -> None:
    code, out, error = run("train-base", "--config", settings, "-o", tmp_path / "base")
    assert code == 0, error
    result = tmp_path / "base" / "base.safetensors"
    assert str(result) in out
    header = read_header(result)
    assert header.style_name == "base of 2 styles"
    assert header.steps == 4
    assert header.versions["torch"] == torch.__version__
    assert header.created.endswith("+00:00")
    assert f"trained 4 steps; on held-out photographs: content {header.validation['content']:.3f}, " in out
    assert "more steps would help most" in out
    assert header.validation["total"] > 0
    assert (header.loss.loss_network, header.loss.content_layers) == ("vgg19", ("relu2_1",))
    assert header.command.startswith("allaprima train-base ")
    assert "--styles styles" in header.command
    assert str(tmp_path) not in header.command
    values = yaml.safe_load(settings.read_text())
    flags = [
        f"--{name.replace('_', '-')}={','.join(value) if isinstance(value, list) else value}"
        for name, value in values.items()
        if name not in ("styles", "content", "max_steps")
    ]
    code, _, error = run(
        "train",
        *flags,
        "--style",
        style_picture,
        "--content",
        photographs,
        "--init",
        result,
        "--max-steps",
        1,
        "--lr",
        1e-9,
        "--dtype",
        "float32",
        "-o",
        tmp_path / "style",
    )
    assert code == 0, error
    trained = load_style(tmp_path / "style" / f"{style_picture.stem}.safetensors").network
    expected = load_style(result).network.state_dict()
    for name, tensor in trained.state_dict().items():
        torch.testing.assert_close(tensor, expected[name], rtol=0, atol=1e-6)


def test_each_of_its_styles_has_a_file_to_paint_with(
    run: Run, settings: Path, photographs: Path, small_weights_file: Path, tmp_path: Path
) -> None:
    base = tmp_path / "base"
    code, out, error = run("train-base", "--config", settings, "-o", base, "--warmup-steps", 0)
    assert code == 0, error
    assert str(base / "styles") in out
    assert sorted(file.name for file in (base / "styles").iterdir()) == ["one.safetensors", "two.safetensors"]
    one, two = (load_style(base / "styles" / f"{name}.safetensors") for name in ("one", "two"))
    assert one.header.style_name == "one.png"
    assert one.header.style_sha256 != two.header.style_sha256
    assert one.header.loss.weights != two.header.loss.weights
    of_both = read_header(base / "base.safetensors").validation
    assert one.header.validation.keys() == of_both.keys() == {"content", "style", "tv", "total"}
    for term, mean in of_both.items():
        own = [style.header.validation[term] for style in (one, two)]
        assert mean == pytest.approx(sum(own) / 2, rel=1e-3, abs=1e-5)
        assert own[0] != own[1]
    assert one.header.command.startswith("allaprima train-base ")
    common = load_style(base / "base.safetensors").network.state_dict()
    first, second = one.network.state_dict(), two.network.state_dict()
    normalisation = [name for name in first if not torch.equal(first[name], second[name])]
    assert normalisation
    for name in first:
        mean = (first[name] + second[name]) / 2 if name in normalisation else first[name]
        torch.testing.assert_close(common[name], mean, rtol=1e-3, atol=1e-3)
    assert all(first[name].ndim == 1 for name in normalisation)  # normalisation alone
    measured = ("--content", photographs / "00.jpg", "--loss-weights", small_weights_file)
    code, _, error = run("evaluate", base / "styles" / "one.safetensors", *measured)
    assert code == 0, error  # the run's folder holds the picture


@pytest.mark.slow
def test_what_is_compiled_for_one_style_serves_all(
    run: Run, settings: Path, styles: Path, style_picture: Path, tmp_path: Path
) -> None:
    """The network, and its objective; neither anew for another style, or for the held-out photographs."""
    copy(style_picture, styles / "three.png")
    torch._dynamo.reset()  # other tests have compiled such a network
    counters.clear()
    code, _, error = run(
        "train-base", "--config", settings, "-o", tmp_path / "base", "--compile", "--max-steps", 6
    )
    assert code == 0, error
    assert counters["stats"]["unique_graphs"] == 2
    learn = ["--max-steps", 4, "--warmup-steps", 0, "--ema-decay", 0, "--dtype", "float32", "--seed", 1]
    plain, compiled = tmp_path / "plain", tmp_path / "compiled"
    for folder, flag in ((plain, "--no-compile"), (compiled, "--compile")):
        assert run("train-base", "--config", settings, "-o", folder, flag, *learn)[0] == 0
    begun = TransformerNetwork(width=4, residual_blocks=1, upsampling="bilinear")
    torch.manual_seed(1)
    begun = TransformerNetwork(**begun.settings.model_dump())
    after = load_style(plain / "base.safetensors").network.state_dict()
    changes = {name: float((after[name] - tensor).norm()) for name, tensor in begun.state_dict().items()}
    for name, tensor in load_style(compiled / "base.safetensors").network.state_dict().items():
        if tensor.ndim == 4:  # many shifts learn from rounding alone, since a normalisation follows
            assert float((tensor - after[name]).norm()) < 0.1 * changes[name], name
    assert sum(change > 1e-2 for change in changes.values()) > 5  # it has learned


def test_a_base_in_its_own_folder_of_styles_learns_those_alone(
    run: Run, settings: Path, styles: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(styles)
    for name in ("styles", "styles-2"):
        code, _, error = run("train-base", "--config", settings, "--styles", ".", "--max-steps", 1)
        assert code == 0, error
        files = (styles / "runs" / name / "styles").iterdir()
        assert sorted(file.name for file in files) == ["one.safetensors", "two.safetensors"]


def test_two_styles_of_one_name_are_refused(run: Run, settings: Path, styles: Path, tmp_path: Path) -> None:
    copy(styles / "one.png", styles / "ONE.jpg")
    code, _, error = run("train-base", "--config", settings, "-o", tmp_path / "base")
    assert code == 2
    assert "would be one style" in error


def test_a_resumed_base_is_the_one_that_was_never_stopped(run: Run, settings: Path, tmp_path: Path) -> None:
    whole, halved = tmp_path / "whole", tmp_path / "halved"
    assert run("train-base", "--config", settings, "-o", whole, "--final-lr", 1)[0] == 0
    assert run("train-base", "--config", settings, "-o", halved, "--max-steps", 2, "--final-lr", 1)[0] == 0
    assert run("train-base", "--resume", halved, "--max-steps", 4, "--final-lr", 1)[0] == 0
    kept = [
        torch.load(folder / "checkpoints" / "4.ckpt", weights_only=True)["state_dict"]
        for folder in (whole, halved)
    ]
    assert kept[0].keys() == kept[1].keys()
    for name, tensor in kept[0].items():
        if not name.startswith(("averaged", "network", "styles")):
            continue
        torch.testing.assert_close(kept[1][name], tensor, rtol=0, atol=2e-2)


def test_a_base_that_is_ended_early_or_at_its_end_says_how_to_go_on(
    run: Run, settings: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    step, base = BaseModule.training_step, tmp_path / "base"

    def interrupted(self: BaseModule, batch: Tensor, batch_idx: int) -> Tensor:
        if self.global_step == 1:
            os.kill(os.getpid(), signal.SIGINT)
        return step(self, batch, batch_idx)

    with monkeypatch.context() as patch:
        patch.setattr(BaseModule, "training_step", interrupted)
        code, out, _ = run("train-base", "--config", settings, "-o", base)
    assert code == 0
    assert f"stopped after 2 steps; go on with: allaprima train-base --resume {base}" in out
    assert "trained 2 steps; " in out
    code, out, _ = run("train-base", "--resume", base, "--max-steps", 2)
    assert code == 0
    assert "the run was at its end already (--max-steps 2): to go on, raise that with --resume" in out


def test_a_resumed_base_keeps_its_objective(run: Run, settings: Path, tmp_path: Path) -> None:
    assert run("train-base", "--config", settings, "-o", tmp_path / "base", "--max-steps", 1)[0] == 0
    code, _, error = run("train-base", "--resume", tmp_path / "base", "--strength", 2, "--max-steps", 2)
    assert code == 2
    assert "strength cannot change when" in error


def test_a_base_is_resumed_without_its_folder_of_styles_and_with_one_that_is_there(
    run: Run, settings: Path, styles: Path, tmp_path: Path
) -> None:
    base, moved = tmp_path / "base", tmp_path / "moved"
    assert run("train-base", "--config", settings, "-o", base, "--max-steps", 1)[0] == 0
    styles.rename(moved)
    assert run("train-base", "--resume", base, "--max-steps", 2)[0] == 0
    code, _, error = run("train-base", "--resume", base, "--styles", styles, "--max-steps", 3)
    assert code == 2
    assert f"styles '{styles}' does not exist" in error
    assert run("train-base", "--resume", base, "--styles", moved, "--max-steps", 3)[0] == 0


def test_each_style_has_its_own_normalisation(run: Run, settings: Path, tmp_path: Path) -> None:
    assert run("train-base", "--config", settings, "-o", tmp_path / "base", "--warmup-steps", 0)[0] == 0
    state = torch.load(tmp_path / "base" / "checkpoints" / "4.ckpt", weights_only=True)["state_dict"]
    first, second = (
        torch.cat([value.flatten() for name, value in state.items() if name.startswith(f"styles.{index}.")])
        for index in (0, 1)
    )
    assert not torch.equal(first, second)


def test_missing_or_empty_folders_are_named(run: Run, settings: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    code, _, error = run(
        "train-base", "--config", settings, "--styles", tmp_path / "empty", "-o", tmp_path / "a"
    )
    assert code == 2
    assert "holds no pictures" in error
    for name, problem in (("missing", "does not exist"), ("base.yaml", "is no folder")):
        code, _, error = run("train-base", "--config", settings, "--styles", tmp_path / name)
        assert code == 2
        assert f"styles '{tmp_path / name}' {problem}; give a folder of style pictures" in error
    code, _, error = run("train-base", "--content", tmp_path)
    assert code == 2
    assert "--styles" in error


def test_one_style_is_no_setting_of_a_base_though_runs_of_before_wrote_it_down(
    run: Run, settings: Path, style_picture: Path, tmp_path: Path
) -> None:
    base = tmp_path / "base"
    code, _, error = run("train-base", "--config", settings, "--style", style_picture, "-o", base)
    assert code == 2
    assert "style is not a setting (did you mean styles?)" in error
    assert run("train-base", "--config", settings, "-o", base, "--max-steps", 1)[0] == 0
    config = base / "config.yaml"
    config.write_text(f"style: null\n{config.read_text()}")
    code, _, error = run("train-base", "--resume", base, "--max-steps", 2)
    assert code == 0, error
