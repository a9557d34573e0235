"""`allaprima evaluate`, through the program's own entry."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from torch import Tensor

from allaprima.images.contact_sheet import contact_sheet
from allaprima.images.picture_files import read_picture
from allaprima.models.loss_description import LossDescription, LossWeights
from allaprima.models.style_file import StyleHeader, load_style, read_header, save_style
from allaprima.models.transformer import TransformerNetwork
from allaprima.train.evaluate.evaluated_style import choose_yardstick, find_style_picture
from allaprima.train.kept_style_pictures import KEPT_STYLES, keep_styles
from allaprima.train.objective.perceptual_loss import PerceptualLoss
from allaprima.train.settings.loss_presets import PRESETS, LossRecipe
from allaprima.train.style_picture import read_style_picture
from tests.conftest import more_memory

Run = Callable[..., tuple[int, str, str]]
WEIGHTS = {"content": {"relu2_1": 1.0}, "style": {"relu1_1": 2.0, "relu2_1": 3.0}, "tv": 0.5}


@pytest.fixture
def run(run: Run, small_weights_file: Path) -> Run:
    """Run the command and return exit code, standard output and standard error."""
    return lambda *arguments: run("evaluate", *arguments, "--loss-weights", small_weights_file)


@pytest.fixture
def style_file(tmp_path: Path, style_picture: Path) -> Path:
    """A style file in its run folder."""
    torch.manual_seed(0)
    loss: dict[str, Any] = {
        "content_layers": ["relu2_1"],
        "style_layers": ["relu1_1", "relu2_1"],
        "style_size": 64,
        "weights": WEIGHTS,
        "lineage": "torchvision",
    }
    header = StyleHeader(
        style_name=style_picture.name,
        style_sha256=hashlib.sha256(style_picture.read_bytes()).hexdigest(),
        loss=LossDescription(**loss),
        dtype="float32",
    )
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "config.yaml").write_text(f"style: {style_picture}\n")
    save_style(folder / "waves.safetensors", TransformerNetwork(width=4, residual_blocks=1), header)
    return folder / "waves.safetensors"


@pytest.fixture
def content(tmp_path: Path, photographs: Path) -> Path:
    """Six photographs, one of them in a folder of its own."""
    folder = tmp_path / "content"
    (folder / "more").mkdir(parents=True)
    for index in range(6):
        target = folder / ("more" if index == 5 else "") / f"{index}.jpg"
        target.write_bytes((photographs / f"{index:02}.jpg").read_bytes())
    return folder


def test_a_report_against_the_optimiser(run: Run, style_file: Path, content: Path, tmp_path: Path) -> None:
    output = tmp_path / "report"
    code, printed, _ = run(
        style_file, "--content", content, "--against", "optimizer", "--evaluations", 8, "-o", output
    )
    assert code == 0
    assert "more/5.jpg" in printed
    assert "equivalent L-BFGS evaluations" in printed
    names = {"report.json", "contact-sheet.png", "equivalent-evaluations.png"}
    assert {path.name for path in output.iterdir()} == names
    report = json.loads((output / "report.json").read_text())
    assert len(report["pictures"]) == 6
    assert report["weights"] == WEIGHTS
    first = report["pictures"][0]
    assert first["terms"].keys() == {"content", "style", "tv", "total"}
    assert first["artefacts"].keys() == {"border", "clipped", "blobs"}
    assert first["optimizer_totals"][0] == pytest.approx(first["untouched_total"], rel=1e-5)
    mean = sum(picture["terms"]["total"] for picture in report["pictures"]) / 6
    assert report["mean"]["terms"]["total"] == pytest.approx(mean)
    assert report["mean"]["artefacts"].keys() > {"checkerboard", "flat_border"}
    totals = [picture["terms"]["total"] for picture in report["pictures"]]
    assert totals == sorted(totals)
    counts = [picture["equivalent_evaluations"] for picture in report["pictures"]]
    assert report["equivalent_evaluations"]["not_reached"] == counts.count(None)
    for picture in report["pictures"]:
        clipped, unclipped = picture["optimizer_totals"], picture["unclipped_optimizer_totals"]
        assert len(clipped) == len(unclipped) == 8
        assert clipped[0] == pytest.approx(unclipped[0], rel=1e-4)  # the photograph, which is 8 bits already
    assert report["equivalent_evaluations"]["mean"] == pytest.approx(
        sum(8 if count is None else count for count in counts) / 6
    )


def test_a_preset_is_another_objective(
    run: Run, style_file: Path, content: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dataclasses import replace

    def small() -> LossRecipe:
        return replace(
            original(), content_layers=("relu2_1",), style_layers=("relu1_1", "relu2_1"), style_size=32
        )

    original = PRESETS["johnson"]
    monkeypatch.setitem(PRESETS, "johnson", small)
    for preset in ("--preset", "--loss-preset"):
        arguments = (preset, "johnson", "-o", tmp_path / "report")
        code, printed, _ = run(style_file, "--content", content / "0.jpg", *arguments, "--overwrite")
        assert code == 0
    report = json.loads((tmp_path / "report" / "report.json").read_text())
    assert report["objective"]["loss_preset"] == "johnson"
    assert report["weights"]["style"] == {"relu1_1": 5, "relu2_1": 5}
    assert "equivalent" not in printed


def test_a_preset_is_taken_as_published(style_file: Path) -> None:
    """Also for a style that was trained with it and weights of its own."""
    header = read_header(style_file)
    header.loss = header.loss.model_copy(update={"loss_preset": "lengstrom", "style_weight": 50})
    settings, weights = choose_yardstick(header, "lengstrom", None)
    assert (settings.style_weight, settings.content_layers, weights) == (100, ("relu4_2",), None)
    settings, weights = choose_yardstick(header, None, None)
    assert (settings.style_weight, settings.content_layers) == (50, ("relu2_1",))
    assert weights == LossWeights(**WEIGHTS)  # type: ignore[arg-type]


def test_broken_and_small_photographs_are_reported_and_the_others_go_on(
    run: Run, style_file: Path, content: Path
) -> None:
    (content / "broken.jpg").write_bytes(b"not a picture")
    Image.new("RGB", (8, 8)).save(content / "small.png")
    code, printed, errors = run(style_file, "--content", content, "--height", 48)
    assert code == 1
    assert "error: broken.jpg: picture" in errors
    assert "error: small.png: picture is 8x8 pixels; the smallest that works is 16x16" in errors
    assert "mean" in printed


def test_names_are_printed_as_they_are(run: Run, style_file: Path, content: Path) -> None:
    (content / "0.jpg").rename(content / "cat[red].jpg")
    assert "cat[red].jpg" in run(style_file, "--content", content)[1]


def test_the_sheet_shows_the_best_and_the_worst(
    run: Run, style_file: Path, content: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[Any] = []

    def recorded(style: Any, photographs: list[Any], *rest: Any, **named: Any) -> Any:
        shown.extend(photographs)
        return contact_sheet(style, photographs, *rest, **named)

    monkeypatch.setattr("allaprima.train.evaluate.report.contact_sheet", recorded)
    assert run(style_file, "--content", content, "-o", tmp_path / "report")[0] == 0
    report = json.loads((tmp_path / "report" / "report.json").read_text())
    names = [picture["name"] for picture in report["pictures"]]
    expected = [read_picture(content / name).rgb for name in (*names[:2], *names[-2:])]
    assert [picture.tobytes() for picture in shown] == [picture.tobytes() for picture in expected]


def test_a_report_is_not_replaced_unasked(run: Run, style_file: Path, content: Path, tmp_path: Path) -> None:
    output = tmp_path / "report"
    one = (style_file, "--content", content / "0.jpg", "-o", output)
    assert run(*one, "--against", "optimizer", "--evaluations", 2)[0] == 0
    code, _, errors = run(*one)
    assert code == 2
    assert "holds a report already: --overwrite replaces it" in errors
    (output / "notes.txt").touch()
    code, printed, _ = run(*one, "--overwrite")
    assert code == 0
    assert "written to" in printed
    assert "notes.txt" not in printed
    assert {path.name for path in output.iterdir()} == {"report.json", "contact-sheet.png", "notes.txt"}


@pytest.mark.parametrize("output", ["a" * 256, "file/below"])
def test_a_report_that_cannot_be_written_is_refused_before_the_work(
    run: Run, style_file: Path, content: Path, tmp_path: Path, output: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("allaprima.train.evaluate.cli._score", lambda *_: pytest.fail("scored"))
    (tmp_path / "file").touch()
    code, _, err = run(style_file, "--content", content, "-o", tmp_path / output)
    assert code == 2
    assert "cannot be made: " in err


def test_an_objective_that_is_not_finite_is_said(
    run: Run, style_file: Path, content: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    terms = PerceptualLoss.terms

    def poisoned(self: PerceptualLoss, image: Tensor, targets: dict[str, Tensor]) -> dict[str, Tensor]:
        values = terms(self, image, targets)
        return values | {"total": values["total"] * float("nan")}

    def failing(self: PerceptualLoss, image: Tensor, targets: dict[str, Tensor]) -> dict[str, Tensor]:
        return (poisoned if image.requires_grad else terms)(self, image, targets)

    monkeypatch.setattr(PerceptualLoss, "terms", failing)
    code, _, errors = run(style_file, "--content", content / "0.jpg", "--against", "optimizer")
    assert code == 1
    assert "0.jpg: the objective is not finite at evaluation 1 of the optimiser" in errors
    monkeypatch.setattr(PerceptualLoss, "terms", poisoned)
    code, _, errors = run(style_file, "--content", content)
    assert code == 2
    assert errors.count("the objective is not finite: nan, of the photograph itself nan") == 6


@pytest.mark.parametrize("text", ["a: [b", "- a", "style: 5"])
def test_a_foreign_config_beside_the_style_is_no_hint(
    run: Run, style_file: Path, content: Path, text: str
) -> None:
    (style_file.parent / "config.yaml").write_text(text)
    code, _, errors = run(style_file, "--content", content)
    assert code == 2
    assert "waves.png is needed: give it with --style PICTURE" in errors


def test_mistakes_get_their_message(run: Run, style_file: Path, content: Path, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    (tmp_path / "alone").mkdir()
    alone = tmp_path / "alone" / "waves.safetensors"
    alone.write_bytes(style_file.read_bytes())
    cases = [
        ((style_file, "--content", tmp_path / "no"), "no' does not exist"),
        ((style_file, "--content", empty), "no pictures in"),
        ((tmp_path / "no.safetensors", "--content", content), "no.safetensors' does not exist"),
        ((alone, "--content", content), "waves.png is needed: give it with --style PICTURE"),
    ]
    for arguments, message in cases:
        code, _, errors = run(*arguments)
        assert code == 2, message
        assert message in errors


def test_another_style_picture_is_said(
    run: Run, style_file: Path, content: Path, photographs: Path, caplog: pytest.LogCaptureFixture
) -> None:
    code, _, _ = run(style_file, "--content", content / "0.jpg", "--style", photographs / "03.jpg")
    assert code == 0
    assert "is not the picture that waves.png was trained on" in caplog.text


def test_a_style_that_says_nothing_of_its_training_needs_a_preset(
    run: Run, tmp_path: Path, content: Path, style_picture: Path
) -> None:
    header = StyleHeader(style_name="waves.png", style_sha256="")
    save_style(tmp_path / "old.safetensors", TransformerNetwork(width=4, residual_blocks=1), header)
    code, _, errors = run(tmp_path / "old.safetensors", "--content", content, "--style", style_picture)
    assert code == 2
    assert "give --preset" in errors


@pytest.fixture
def lonely(style_file: Path, style_picture: Path) -> Path:
    """The style file of a run that keeps its picture, reduced from 72 to 64 pixels; the original is gone."""
    (style_file.parent / "config.yaml").write_text("style: gone.png\n")
    keep_styles(style_file.parent / KEPT_STYLES, [read_style_picture(style_picture, 64)])
    return style_file


@pytest.mark.parametrize(
    ("size", "suffices"), [(32, True), (64, True), (72, False), (400, False), (None, False)]
)
def test_a_runs_copy_of_the_style_serves_where_it_is_large_enough(
    lonely: Path, style_picture: Path, size: int | None, suffices: bool
) -> None:
    style = load_style(lonely)
    if suffices:
        found = find_style_picture(lonely, style, None, size)
        assert found == lonely.parent / KEPT_STYLES / "1.png"
    else:
        message = (
            r"waves.png is needed with a shorter side of 72 pixels, and its copy '.*' has 64: give it with"
        )
        with pytest.raises(ValueError, match=message):
            find_style_picture(lonely, style, None, size)
        assert find_style_picture(lonely, style, style_picture, size) == style_picture


def test_a_preset_does_not_measure_against_a_smaller_picture_than_it_asks_for(
    run: Run, lonely: Path, content: Path
) -> None:
    assert run(lonely, "--content", content / "0.jpg")[0] == 0
    code, _, errors = run(lonely, "--content", content / "0.jpg", "--preset", "lengstrom")
    assert code == 2
    assert "give it with --style PICTURE" in errors


def test_a_style_in_a_folder_of_its_run_finds_the_picture(
    run: Run, lonely: Path, content: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the styles of `allaprima train-base` are."""
    styles = lonely.parent / "styles"
    styles.mkdir()
    inner = lonely.rename(styles / lonely.name)
    assert run(inner, "--content", content / "0.jpg")[0] == 0
    monkeypatch.chdir(styles)
    assert run(inner.name, "--content", content / "0.jpg")[0] == 0


def test_a_style_picture_that_is_too_large_for_the_memory_is_said(
    run: Run, style_file: Path, content: Path, tmp_path: Path
) -> None:
    trained = load_style(style_file)
    loss = trained.header.loss.model_copy(update={"style_size": None})  # as presets leave it
    save_style(style_file, trained.network, trained.header.model_copy(update={"loss": loss}))
    Image.new("RGB", (2000, 2000)).save(tmp_path / "large.png")
    arguments = (style_file, "--content", content / "0.jpg", "--style", tmp_path / "large.png")
    with more_memory(500_000_000):
        code, _, errors = run(*arguments)
    assert code == 2
    assert "memory does not suffice" in errors
    assert "a smaller style picture, given with --style, needs less" in errors
