"""The command `allaprima evaluate`."""

import logging
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter
from cyclopts.validators import Number

from allaprima.images.background import WHITE, background_colour
from allaprima.out_of_memory import memory_advice
from allaprima.terminal import ProblemsError, complain, say
from allaprima.train.image_optimization.settings import PROGRAMS
from allaprima.train.settings.loss_presets import PresetName

from .report_folder import check_report_folder, write_report, write_video_report
from .terminal_output import table_console, tracked

if TYPE_CHECKING:
    import torch

    from allaprima.images.pixels import Pixels
    from allaprima.models.style_file import Style
    from allaprima.models.transformer import TransformerNetwork
    from allaprima.train.objective.perceptual_loss import PerceptualLoss
    from allaprima.train.settings.config import LossSettings
    from allaprima.train.style_picture import StylePicture

    from .against_optimizer import Comparison
    from .scores import Photograph, Scores
    from .video.measure import Videos

_EVALUATIONS = 50

_log = logging.getLogger(__name__)


def evaluate(
    style_file: Path,
    /,
    *,
    content: Path | None = None,
    video: Annotated[tuple[Path, ...], Parameter(consume_multiple=True, negative=())] = (),
    painted: Annotated[tuple[Path, ...], Parameter(consume_multiple=True, negative=())] = (),
    beside: Path | None = None,
    record: Annotated[bool, Parameter(negative=())] = False,
    frames: Annotated[int, Parameter(validator=Number(gte=2))] = 40,
    style: Path | None = None,
    preset: Annotated[PresetName | None, Parameter(alias="--loss-preset")] = None,
    loss_weights: Path | None = None,
    against: Literal["optimizer"] | None = None,
    evaluations: Annotated[int, Parameter(validator=Number(gte=2))] = _EVALUATIONS,
    height: Annotated[int | None, Parameter(validator=Number(gte=16))] = None,
    background: str = WHITE,
    output: Annotated[Path | None, Parameter(alias="-o")] = None,
    overwrite: Annotated[bool, Parameter(negative=())] = False,
    accelerator: Literal["auto", "cpu", "cuda", "mps"] = "auto",
) -> int:
    """Measure a trained style: its objective and artefacts on photographs, its rank as an optimiser, and how
    steady it is in video.

    Args:
        style_file: A style file, made by `allaprima train`, or the name of a bundled style.
        content: A folder of photographs, or one.
        video: Clips: how far each frame is from the next one where the clip shows the same, along the
            clip's optical flow, beside the clip itself; and a still picture with noise. A folder with a
            scene of MPI-Sintel is measured along its true motion.
        painted: For each clip the file that was made of it, such as by `allaprima video --steady 0.8`, to be
            measured instead of what the network paints now.
        beside: Another style, measured on the same clips.
        record: Write the clips' figures into the style file, where `allaprima info` shows them.
        frames: Most frames of each clip.
        style: The style picture; found by itself while the style file lies in its run folder.
        preset: The published objective to measure by, instead of the one the style was trained with.
        loss_weights: Weights of the loss network (.safetensors or .pth, torchvision's names).
        against: Also optimise every photograph, and tell after how many evaluations L-BFGS is where
            the network is.
        evaluations: Most evaluations of that optimisation.
        height: Reduce photographs and clips that are higher than this many pixels.
        background: Colour that transparent photographs are seen on: white, black, another name, or '#rrggbb'.
        output: Folder to write report.json, contact-sheet.png and, against the optimiser,
            equivalent-evaluations.png into; of clips video.json, video.png, which are the errors over time,
            and video-strips.jpg, frames that follow one another.
        overwrite: Replace a report that is there.
        accelerator: Kind of device.

    Returns:
        0, or 1 if some photographs could not be read.
    """
    if content is None and not video:
        raise ValueError(
            "nothing is to be measured; give photographs with --content, clips with --video, or both"
        )
    if (record or beside is not None) and (painted or not video):
        raise ValueError(
            "--record and --beside are for clips that are painted now: give --video, and no --painted"
        )
    of_photographs = {
        "--style": style,
        "--preset": preset,
        "--loss-weights": loss_weights,
        "--against": against,
        "--evaluations": evaluations != _EVALUATIONS,
        "--background": background != WHITE,
    }
    if content is None and (idle := [flag for flag, value in of_photographs.items() if value]):
        raise ValueError(f"there are no photographs for {' and '.join(idle)}: give them with --content")
    background = background_colour(background)
    photographs = _photographs(content, height, background) if content is not None else []
    videos = _videos(video, painted, frames, height) if video else None
    if output is not None:
        check_report_folder(output, overwrite=overwrite)
    from allaprima.models.style_file import load_style
    from allaprima.train.loop import hardware

    from .measured_videos import measure_videos, record_steadiness
    from .report import as_dict, sheet

    trained = load_style(style_file)
    device = hardware.device(accelerator)
    network = trained.network.to(device)
    objective = None
    if content is not None:  # what it lacks is said before clips are measured
        objective = _objective(style_file, trained, style, preset, loss_weights, device)
    if videos is not None:
        compared = {} if beside is None else {beside: load_style(beside)}
        clips = measure_videos({style_file: trained, **compared}, videos, device)
        if output is not None:
            say(f"written to {output}: {', '.join(write_video_report(output, clips))}")
        if record:
            record_steadiness(style_file, trained, clips)
    if objective is None:
        return 0
    settings, style_picture, loss = objective
    if height is None and preset in PROGRAMS:
        _log.warning(
            "%s adds up over pixels and belongs to pictures %d px high: compare no pictures of different "
            "sizes, or give --height",
            preset,
            PROGRAMS[preset]["height"],
        )
    with memory_advice("a smaller --height needs less"):
        scores, failures = _score(network, loss, photographs)
        comparisons = _compare(scores, loss, evaluations) if against else []
    failures += [f"{item.name}: {item.problem} of the optimiser" for item in comparisons if item.problem]
    _print(scores, comparisons)
    if output is not None:
        about = {
            "style": trained.header.style_name,
            "steps": trained.header.steps,
            "objective": settings.model_dump(mode="json", exclude={"loss_weights"}),
            "weights": loss.weights.to_dict(),
            "lineage": loss.loss_network.lineage,
        }
        report = {**about, **as_dict(scores, comparisons)}
        written = write_report(
            output, report, sheet(style_picture.on(background), network, scores), comparisons
        )
        say(f"written to {output}: {', '.join(written)}")
    for failure in failures:
        complain(failure)
    return 1 if failures else 0


def _objective(
    style_file: Path,
    trained: "Style",
    style: Path | None,
    preset: PresetName | None,
    loss_weights: Path | None,
    device: "torch.device",
) -> tuple["LossSettings", "StylePicture", "PerceptualLoss"]:
    """Return the settings of the objective, the style picture, and the objective of both."""
    from allaprima.train.objective.prepare_objective import load_loss_network
    from allaprima.train.style_picture import read_style_picture

    from .evaluated_style import build_yardstick, choose_yardstick, find_style_picture

    yardstick = choose_yardstick(trained.header, preset, loss_weights)
    settings = yardstick.settings
    picture = find_style_picture(style_file, trained, style, settings.style_size)
    loss_network = load_loss_network(settings, device)
    with memory_advice("a smaller style picture, given with --style, needs less"):
        style_picture = read_style_picture(picture, settings.style_size)
        loss = build_yardstick(trained.header, yardstick, loss_network, style_picture.pixels)
    return settings, style_picture, loss


def _photographs(content: Path, height: int | None, background: str) -> "list[Photograph]":
    """Return every picture in a folder, or one picture."""
    from allaprima.images.folders import files_below, is_called_picture

    from .scores import Photograph

    if not content.exists():
        raise FileNotFoundError(f"content '{content}' does not exist")
    alone = content.is_file()
    pictures = list(filter(is_called_picture, [content] if alone else files_below(content)))
    if not pictures:
        raise ValueError(f"no pictures in '{content}'")
    root = content.parent if alone else content
    return [
        Photograph(str(path.relative_to(root)), partial(_read, path, height, background)) for path in pictures
    ]


def _videos(clips: "Sequence[Path]", painted: "Sequence[Path]", frames: int, height: int | None) -> "Videos":
    """Return the clips to measure, each of which can be opened."""
    from .video.measure import Videos

    videos = Videos(clips, painted, frames, height)
    videos.check()
    return videos


def _read(path: Path, height: int | None, background: str) -> "Pixels":
    from allaprima.images.picture_files import read_picture
    from allaprima.images.pixels import resized

    pixels = read_picture(path).on(background).rgb
    if height is None or pixels.shape[0] <= height:
        return pixels
    return resized(pixels, height, max(1, round(pixels.shape[1] * height / pixels.shape[0])))


def _score(
    network: "TransformerNetwork", loss: "PerceptualLoss", photographs: "Sequence[Photograph]"
) -> tuple["Scores", list[str]]:
    """Score what can be scored, and say what cannot."""
    from .scores import collect, score_picture

    scores, failures = [], []
    for photograph in tracked(photographs, "evaluating"):
        try:
            scores.append(score_picture(network, loss, photograph))
        except ValueError as error:
            failures.append(f"{photograph.name}: {error}")
    if not scores:
        raise ProblemsError(*failures)
    return collect(network, scores), failures


def _compare(scores: "Scores", loss: "PerceptualLoss", evaluations: int) -> "list[Comparison]":
    from .against_optimizer import compare

    return [compare(score, loss, evaluations) for score in tracked(scores.pictures, "optimising")]


def _print(scores: "Scores", comparisons: "Sequence[Comparison]") -> None:
    from .against_optimizer import headline
    from .report import as_table

    table_console().print(as_table(scores, comparisons))
    say("  ".join(f"{name} {value:.3g}" for name, value in scores.artefacts.items()))
    if comparisons:
        say(headline(comparisons))
