"""The command `video`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter
from cyclopts.validators import Number

from allaprima.terminal import complain, say

if TYPE_CHECKING:
    from allaprima.images.video import Clip

    from .pipeline import FilmStoppedError
    from .stylize_clip import Settings
    from .writing.part_file import PartFile


def video(
    style_file: Path,
    clip: Path,
    /,
    *,
    output: Annotated[Path, Parameter(alias="-o")],
    overwrite: Annotated[bool, Parameter(negative=())] = False,
    start: str | None = None,
    end: str | None = None,
    height: Annotated[int | None, Parameter(validator=Number(gte=16))] = None,
    strength: Annotated[float, Parameter(validator=Number(gte=0, lte=1))] = 1.0,
    side_by_side: Annotated[bool, Parameter(negative=())] = False,
    steady: Annotated[float, Parameter(validator=Number(gte=0, lt=1))] = 0.0,
    color: Literal["style", "keep"] = "style",
    codec: Literal["h264", "h265", "vp9", "av1"] | None = None,
    crf: int | None = None,
    bitrate: str | None = None,
    preset: str | None = None,
    hardware: Annotated[bool, Parameter(negative=())] = False,
    engine: Literal["auto", "eager", "compiled", "onnx", "openvino", "aoti"] = "auto",
    device: str = "auto",
    precision: Literal["auto", "float32", "float16", "bfloat16"] = "auto",
    batch: Annotated[int | None, Parameter(validator=Number(gte=1))] = None,
    trust: Annotated[bool, Parameter(negative=())] = False,
) -> int:
    """Paint a video in a trained style.

    Size, frame count, timestamps, sound, subtitles, chapters and rotation are those of the clip. Until
    all is written the result is called OUTPUT with `.part` before its suffix, and plays.

    Args:
        style_file: A style file, made by `allaprima train`, the name of a bundled style (`allaprima styles`
            lists them), or an exported one: .onnx, .xml, .pt2.
        clip: A video file, a GIF or an animated WebP.
        output: The result: .mp4, .m4v, .mov, .mkv, .webm, .ts, .gif or .webp.
        overwrite: Replace a result that is there already.
        start: Begin here, in seconds or h:m:s.
        end: End here, counted from the clip's beginning too.
        height: Paint at this height, and enlarge the result to the clip's own size. Saves time; makes the
            strokes larger.
        strength: Of the style: 0 leaves the clip as it is, 1 paints it, and between them the two are blended.
        side_by_side: Put the clip on the left of the result, which becomes twice as wide.
        steady: How much of the frame before stays where the clip does not move, against flicker: 0.8 is a
            good value. Forgotten at scene cuts.
        color: style paints in the style's colours, keep in the clip's own.
        codec: H.264 by default, VP9 in .webm.
        crf: Quality: lower is better and larger. By default 18 for H.264, 20 for H.265, 24 for VP9 and 28
            for AV1.
        bitrate: Bits per second instead of a quality, such as 4M or 800k.
        preset: Of the encoder, which trades time for size: ultrafast to veryslow for H.264 and H.265
            (superfast by default, for H.264 with a look ahead), 0 to 8 for VP9 (6) and 0 to 13 for AV1 (10).
        hardware: Decode and encode on a graphics card or video unit, where there is one.
        engine: What carries out the style, as for `allaprima stylize`.
        device: auto, cpu, cuda, cuda:1, mps, ...
        precision: Of the computation, as for `allaprima stylize`.
        batch: Frames at once; by default 4 on CUDA and 1 elsewhere.
        trust: Run machine code (.aoti.pt2), as for `allaprima stylize`.

    Returns:
        0; 1 if frames were damaged or the clip ends before its end; 130, 143 or 129 if Ctrl-C, SIGTERM or
        SIGHUP ended it.
    """
    from allaprima.images.video import Section, open_clip, parse_time

    from .compositing import View
    from .stylize_clip import Settings
    from .writing import Encoding, parse_bitrate, resolve
    from .writing.part_file import PartFile

    settings = Settings(
        section=Section(parse_time(start or "0"), None if end is None else parse_time(end)),
        height=height,
        view=View(strength, side_by_side, steady, color),
        encoding=Encoding(codec, crf, None if bitrate is None else parse_bitrate(bitrate), preset, hardware),
        batch=batch,
    )
    resolve(settings.encoding, output)
    opened = open_clip(clip, section=settings.section, hardware=hardware)
    try:
        with PartFile(output, overwrite=overwrite, inputs=[clip]) as part:
            from allaprima.infer.engines import load_engine

            # Loads torch, or another runtime, so not before the arguments proved right.
            ready = load_engine(style_file, engine=engine, device=device, precision=precision, trust=trust)
            return _run(ready, opened, part, settings)
    finally:
        opened.close()


def _run(engine: Any, clip: "Clip", part: "PartFile", settings: "Settings") -> int:
    """Stylise, show the progress, and tell what became of it; return the exit code."""
    from time import perf_counter

    from .pipeline import FilmStoppedError
    from .progress import ending_on_signals, shown_progress
    from .stylize_clip import stylize_clip

    started = perf_counter()
    try:
        with ending_on_signals(part.kept), shown_progress(clip.info, settings.section) as advance:
            frames = stylize_clip(engine, clip, part, settings, on_frame=advance)
    except FilmStoppedError as stopped:
        return _tell_end(stopped)
    seconds = perf_counter() - started
    say(f"{frames} frames stylised in {seconds:.1f} s, {frames / seconds:.1f} a second")
    return _tell_losses(clip)


def _tell_losses(clip: "Clip") -> int:
    from sys import stderr

    losses = clip.losses
    if losses.damaged:
        say(f"damaged frames, in whose place the one before is shown: {losses.damaged}", file=stderr)
    if losses.cut_short:
        say(f"'{clip.info.path}' ends before its end: {losses.cut_short}", file=stderr)
    return 1 if losses.damaged or losses.cut_short else 0


def _tell_end(stopped: "FilmStoppedError") -> int:
    """Tell why work ended early, and where what was written is; return the exit code."""
    from sys import stderr

    from .progress import AskedToEndError

    cause = stopped.cause
    if isinstance(cause, AskedToEndError):
        say(f"interrupted; {stopped.kept or 'nothing was written'}", file=stderr)
        return 128 + cause.number
    if not isinstance(cause, ValueError | OSError | MemoryError):
        raise cause
    complain(cause)
    if stopped.kept:
        say(stopped.kept, file=stderr)
    return 2
