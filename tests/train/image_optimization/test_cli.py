"""`allaprima optimize`, through the program's own entry."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from allaprima.images.picture_files import read_picture
from allaprima.train.image_optimization.lbfgs import Descent, minimize
from allaprima.train.image_optimization.paint import scaled_sizes, target_size
from allaprima.train.image_optimization.settings import OptimizeConfig
from allaprima.train.loop.progress_bar import TermsBar
from allaprima.train.objective.perceptual_loss import PerceptualLoss
from allaprima.train.settings.parsing import parse_settings
from tests.conftest import more_memory

Run = Callable[..., tuple[int, str, str]]
LAYERS = ("--content-layers", "relu2_1", "--style-layers", "relu1_1,relu2_1")


@pytest.fixture
def run(run: Run, style_picture: Path, small_weights_file: Path) -> Run:
    """Run the command and return exit code, standard output and standard error."""

    def optimize(*arguments: object) -> tuple[int, str, str]:
        command = ["optimize", *map(str, arguments), "--loss-weights", str(small_weights_file)]
        if "--style" not in command:
            command += ["--style", str(style_picture)]
        if "--style-layers" not in command:
            command += LAYERS
        return run(*command)

    return optimize


@pytest.fixture
def photograph(photographs: Path) -> Path:
    return photographs / "00.jpg"


def test_a_picture_a_curve_and_stages(run: Run, photograph: Path, tmp_path: Path) -> None:
    output, curve = tmp_path / "out.png", tmp_path / "curve.json"
    code, printed, _ = run(
        photograph, "-o", output, "--steps", 12, "--save-every", 5, "--curve", curve, "--preset", "lengstrom"
    )
    assert code == 0
    assert "96x64, 12 evaluations" in printed
    assert read_picture(output).rgb.shape == (64, 96, 3)
    assert {path.name for path in tmp_path.glob("*.png")} == {"out.png", "out-0005.png", "out-0010.png"}
    totals = [terms["total"] for terms in json.loads(curve.read_text())]
    assert len(totals) == 12
    assert min(totals) < 0.7 * totals[0]


@pytest.mark.parametrize("flag", ["--curve", "--output"])
def test_what_is_read_is_not_replaced(
    run: Run, photograph: Path, style_picture: Path, tmp_path: Path, flag: str
) -> None:
    before = style_picture.read_bytes()
    flags = {"--output": tmp_path / "out.png", "--curve": tmp_path / "curve.json", flag: style_picture}
    code, _, error = run(photograph, *(part for pair in flags.items() for part in pair), "--overwrite")
    assert code == 2
    assert "would replace its input" in error
    assert style_picture.read_bytes() == before


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
def test_a_device_that_is_not_there(run: Run, photograph: Path, tmp_path: Path) -> None:
    code, _, error = run(photograph, "-o", tmp_path / "out.png", "--accelerator", "cuda")
    assert code == 2
    assert "accelerator 'cuda' is not available; this machine has: cpu" in error


def test_the_three_starts_differ(run: Run, photograph: Path, photographs: Path, tmp_path: Path) -> None:
    results = []
    for index, start in enumerate(("photograph", "noise", photographs / "05.jpg")):
        output = tmp_path / f"{index}.png"
        assert run(photograph, "-o", output, "--steps", 1, "--start", start)[0] == 0
        results.append(read_picture(output).rgb.astype(int))
    assert np.array_equal(results[0], read_picture(photograph).rgb)
    for index, other in ((1, 0), (2, 0), (2, 1)):
        assert np.abs(results[index] - results[other]).mean() > 10


def test_coarse_to_fine_with_adam(
    run: Run, photograph: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    output, sizes = tmp_path / "out.jpg", list[tuple[int, ...]]()

    def recorded(loss: PerceptualLoss, content_image: torch.Tensor, *rest: Any, **named: Any) -> Descent:
        sizes.append(tuple(content_image.shape[-2:]))
        return minimize(loss, content_image, *rest, **named)

    monkeypatch.setattr("allaprima.train.image_optimization.paint.minimize", recorded)
    arguments = ("--scales", 2, "--steps", 9, "--optimizer", "adam", "--height", 48)
    code, printed, _ = run(photograph, "-o", output, *arguments)
    assert code == 0
    assert "72x48, 9 evaluations" in printed
    assert sizes == [(24, 36), (48, 72)]
    assert scaled_sizes(48, 72, 3) == [(12, 18), (24, 36), (48, 72)]


def test_transparency_is_kept(run: Run, tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 255, (40, 32, 4), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "in.png")
    arguments = ("--steps", 2, "--height", 20, "--save-every", 2)
    assert run(tmp_path / "in.png", "-o", tmp_path / "out.png", *arguments)[0] == 0
    for name in ("out.png", "out-0002.png"):
        alpha = read_picture(tmp_path / name).alpha
        assert alpha is not None
        assert alpha.shape == (20, 16)


def test_a_transparent_photograph_is_seen_on_a_colour(run: Run, tmp_path: Path) -> None:
    Image.new("RGBA", (32, 40), (9, 9, 9, 0)).save(tmp_path / "in.png")
    Image.new("RGB", (32, 40), (0, 200, 0)).save(tmp_path / "green.png")
    for name in ("in", "green"):
        options = ("--steps", 2, "--background", "#00c800")
        assert run(tmp_path / f"{name}.png", "-o", tmp_path / f"{name}.out.png", *options)[0] == 0
    clear, green = (read_picture(tmp_path / f"{name}.out.png") for name in ("in", "green"))
    np.testing.assert_array_equal(clear.rgb, green.rgb)
    assert clear.alpha is not None
    assert clear.alpha.max() == 0


def test_the_seeds_program() -> None:
    config = parse_settings(OptimizeConfig, {"loss_preset": "chollet"})
    assert (config.height, config.steps, config.restart_every) == (400, 400, 20)
    assert (config.optimizer, config.start) == ("lbfgs", "photograph")
    assert parse_settings(OptimizeConfig, {"loss_preset": "chollet", "steps": 7}).steps == 7
    assert parse_settings(OptimizeConfig, {"loss_preset": "chollet", "optimizer": "adam", "lr": 1}).lr == 1
    assert target_size(np.zeros((300, 450, 3), dtype=np.uint8), config.height) == (400, 600)


def test_mistakes_get_their_message(run: Run, photograph: Path, tmp_path: Path) -> None:
    output = tmp_path / "out.png"
    cases: list[tuple[tuple[object, ...], str]] = [
        (("--preset", "jonson"), "did you mean johnson?"),
        (("--wieght", "3"), "wieght is not a setting"),
        (("--style-layers", "relu5_5"), "unknown layer 'relu5_5' (did you mean"),
        (("--steps", "0"), "steps is '0'"),
        (("--steps", "2", "--scales", "3"), "steps is 2; 3 scales need at least 3"),
        (("--lr", "5"), "lr is 5.0; it is for optimizer adam, not lbfgs: leave it out"),
        (("--optimizer", "adam", "--line-search", "none"), "line_search is none; it is for optimizer lbfgs"),
        (("--optimizer", "adam", "--restart-every", "9"), "restart_every is 9; it is for optimizer lbfgs"),
        (("--start", tmp_path / "no.png"), "no.png' cannot be read: it does not exist"),
        (("--style", tmp_path / "no.jpg"), "no.jpg' cannot be read: it does not exist"),
        (("--content-weight", "1e300", "--style-weight", "1"), "not finite at evaluation 1"),
    ]
    for arguments, message in cases:
        code, _, errors = run(photograph, "-o", output, *arguments)
        assert code == 2, arguments
        assert message in errors
    assert not output.exists()


@pytest.mark.parametrize(
    "weights", [("--content-weight", 1, "--style-weight", 1), ("--preset", "lengstrom"), ()]
)
def test_a_strength_without_effect_is_said(
    run: Run, photograph: Path, tmp_path: Path, weights: tuple[object, ...], caplog: pytest.LogCaptureFixture
) -> None:
    code, *_ = run(photograph, "-o", tmp_path / "out.png", "--steps", 1, "--strength", 2, *weights)
    assert code == 0
    assert caplog.text.count("strength 2 has no effect: the weights are fixed") == bool(weights)


def test_outputs_that_cannot_be_written_are_refused_at_once(
    run: Run, photograph: Path, tmp_path: Path
) -> None:
    (tmp_path / "there.png").touch()
    for name, message in (
        ("out.bmp", "suffix must be one of"),
        ("missing/out.png", "there is no folder"),
        ("there.png", "--overwrite replaces it"),
    ):
        code, _, errors = run(photograph, "-o", tmp_path / name)
        assert code == 2
        assert message in errors
    (tmp_path / "out-0004.png").touch()
    for more, message in (
        (("--curve", tmp_path / "missing" / "curve.json"), "there is no folder"),
        (("--curve", tmp_path / "there.png"), "there.png' is there already"),
        (("--save-every", 2, "--steps", 5), "out-0004.png' is there already"),
    ):
        code, _, errors = run(photograph, "-o", tmp_path / "out.png", *more)
        assert code == 2
        assert message in errors
    assert not (tmp_path / "out.png").exists()


@pytest.mark.parametrize("option", ["-o", "--curve"])
def test_names_that_are_too_long_are_refused_before_the_work(
    run: Run, photograph: Path, tmp_path: Path, option: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("allaprima.train.image_optimization.cli._paint", lambda *_: pytest.fail("painted"))
    long = tmp_path / f"{'a' * 252}.png"
    outputs = ("-o", long) if option == "-o" else ("-o", tmp_path / "a.png", option, long)
    code, _, err = run(photograph, "--style", photograph, *outputs)
    assert code == 2
    assert "file name too long" in err
    assert not list(tmp_path.glob("*a.png"))


def test_too_small_pictures_name_the_smallest(run: Run, photograph: Path, tmp_path: Path) -> None:
    Image.new("RGB", (30, 1)).save(tmp_path / "small.png")
    code, _, errors = run(tmp_path / "small.png", "-o", tmp_path / "out.png")
    assert code == 2
    assert "picture is 30x1 pixels; the smallest that works with these layers is 2x2" in errors
    code, _, errors = run(photograph, "-o", tmp_path / "out.png", "--scales", 7)
    assert code == 2
    assert "at the coarsest of 7 scales the picture is 2x1 pixels" in errors
    assert "take fewer --scales" in errors
    code, _, errors = run(photograph, "-o", tmp_path / "out.png", "--style", tmp_path / "small.png")
    assert code == 2
    assert "smallest that works is 16x16" in errors


@pytest.mark.parametrize("mode", ["L", "RGBA", "P", "CMYK", "I;16"])
def test_pictures_of_any_mode(run: Run, tmp_path: Path, mode: str) -> None:
    suffix = {"CMYK": "tif"}.get(mode, "png")
    ramp = np.linspace(0, 60_000, 32 * 40).reshape(32, 40).astype(np.uint16)
    image = Image.fromarray(ramp) if mode == "I;16" else Image.fromarray((ramp >> 8).astype(np.uint8))
    path = tmp_path / f"in.{suffix}"
    (image if mode == "I;16" else image.convert(mode)).save(path)
    output = tmp_path / "out.png"
    assert run(path, "-o", output, "--steps", 2, "--style", path)[0] == 0
    assert read_picture(output).rgb.shape == (32, 40, 3)


def test_what_stops_at_once_writes_the_best(
    run: Run, photograph: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    terms, calls = PerceptualLoss.terms, [0]

    def poisoned(self: PerceptualLoss, *arguments: object) -> dict[str, torch.Tensor]:
        calls[0] += 1
        values = terms(self, *arguments)  # type: ignore[arg-type]
        return {name: value * (float("nan") if calls[0] == 4 else 1) for name, value in values.items()}

    monkeypatch.setattr(PerceptualLoss, "terms", poisoned)
    output, curve = tmp_path / "out.png", tmp_path / "curve.json"
    code, _, errors = run(photograph, "-o", output, "--steps", 9, "--curve", curve)
    assert code == 1
    assert "not finite at evaluation 4; the best picture before it is kept" in errors
    assert len(json.loads(curve.read_text())) == 3
    shorter = tmp_path / "shorter.png"
    calls[0] = 10
    assert run(photograph, "-o", shorter, "--steps", 3)[0] == 0
    assert np.array_equal(read_picture(output).rgb, read_picture(shorter).rgb)


def test_what_stops_at_a_coarse_scale_is_written_whole(
    run: Run, photograph: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    show, output = TermsBar.show, tmp_path / "out.png"

    def interrupt(self: TermsBar, number: str, done: float, terms: str) -> None:
        show(self, number, done, terms)
        if number == "2/9":
            raise KeyboardInterrupt

    monkeypatch.setattr(TermsBar, "show", interrupt)
    code, printed, _ = run(photograph, "-o", output, "--steps", 9, "--scales", 3)
    assert code == 0
    assert "stopped early" in printed
    assert "96x64, 2 evaluations" in printed
    assert read_picture(output).rgb.shape == (64, 96, 3)


def test_a_style_picture_that_is_too_large_for_the_memory_is_said(
    run: Run, photograph: Path, tmp_path: Path
) -> None:
    Image.new("RGB", (2000, 2000)).save(tmp_path / "large.png")
    arguments = ("--preset", "lengstrom", "--height", 64, "--style", tmp_path / "large.png")
    with more_memory(500_000_000):
        code, _, errors = run(photograph, "-o", tmp_path / "out.png", *arguments)
    assert code == 2
    assert "memory does not suffice" in errors
    assert "a smaller --style-size or --height needs less" in errors
