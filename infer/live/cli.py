"""The command `live`."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter
from cyclopts.validators import Number

from allaprima.terminal import say

if TYPE_CHECKING:
    from .session import Session


def live(
    *style_files: Path,
    input: str,
    output: Annotated[list[str], Parameter(alias="-o", negative=())],
    fps: Annotated[float | None, Parameter(validator=Number(gt=0))] = None,
    height: Annotated[int | None, Parameter(validator=Number(gte=16))] = None,
    strength: Annotated[float, Parameter(validator=Number(gte=0, lte=1))] = 1.0,
    steady: Annotated[float, Parameter(validator=Number(gte=0, lt=1))] = 0.0,
    loop: Annotated[bool, Parameter(negative=())] = False,
    overwrite: Annotated[bool, Parameter(negative=())] = False,
    engine: Literal["auto", "eager", "compiled", "onnx", "openvino", "aoti"] = "auto",
    device: str = "auto",
    precision: Literal["auto", "float32", "float16", "bfloat16"] = "auto",
    trust: Annotated[bool, Parameter(negative=())] = False,
) -> int:
    """Paint a camera, a stream or a file as it plays, always the newest frame.

    Frames that come while another is painted are dropped and counted. All styles are loaded and warmed up
    first; keys in the window (1 to 9, left, right: style; up, down: strength; q: end) and the MJPEG server's
    page change them while it runs. A camera or stream that is lost is tried again. Ctrl-C ends it.

    Args:
        style_files: Style files, names of bundled styles, or exported ones, as for `allaprima stylize`; the
            first is painted in to begin with.
        input: camera:0, a video file, which plays at its own pace, or a URL: rtsp://, rtmp://, http://.
        output: window; virtual-camera, which other programs see; mjpeg://127.0.0.1:8080, a page with the
            picture and controls; rtmp://..., a server that others watch; or a video file. Can be given
            several times.
        fps: Frames a second to hold: when frames take too long, they are painted smaller.
        height: Paint at this height, or at most at this one with --fps.
        strength: Of the style: 0 shows the source, 1 the painted picture.
        steady: How much of the frame before stays where the source does not move, against flicker: 0.8 is a
            good value.
        loop: Begin again where a file ends.
        overwrite: Replace a file that is there already.
        engine: What carries out the styles, as for `allaprima stylize`.
        device: auto, cpu, cuda, cuda:1, mps, ...
        precision: Of the computation, as for `allaprima stylize`.
        trust: Run machine code (.aoti.pt2), as for `allaprima stylize`.

    Returns:
        0; 143 if the system asked it to end.
    """
    from allaprima.images.video.open_clip import import_av
    from allaprima.models.bundled_styles import find_style
    from allaprima.output_path_checks import check_outputs

    import_av()
    from allaprima.infer.video.writing.part_file import part_path

    from .adaptive_size import AdaptiveSize, largest_size
    from .outputs.open_output import parse_target
    from .ready_styles import ready_styles, style_names
    from .session import Session
    from .shared_state.controls import Controls
    from .source.capture import Capture
    from .source.input_address import parse_place

    if not style_files:
        raise ValueError("no style is given; expected a style file or the name of a bundled style")
    names = style_names(style_files)
    for file in style_files:
        find_style(file)
    targets = [parse_target(text) for text in output]
    if [target.kind for target in targets].count("window") > 1:
        raise ValueError("--output window is given twice; there is one window")
    files = [Path(target.text) for target in targets if target.kind == "file"]
    check_outputs([path for file in files for path in (file, part_path(file))], overwrite=True)
    place = parse_place(input)
    capture = Capture(place, loop=loop)
    controls = Controls(names, strength)
    size = AdaptiveSize(largest_size(capture.size, height), fps)
    session = Session(capture, controls, size, steady=steady)
    session.open_outputs(targets, overwrite=overwrite, inputs=place.files)
    options = {"engine": engine, "device": device, "precision": precision, "trust": trust}
    return _run(session, lambda: ready_styles(style_files, size.sizes, **options))


def _run(session: "Session", get_ready: Any) -> int:
    """Load the styles, show the pictures, and tell how it went; return the exit code."""
    from allaprima.ending_signals import exit_code
    from allaprima.infer.video.progress import AskedToEndError, ending_on_signals

    number = None
    with ending_on_signals(lambda: "files play as far as they were written, under their .part names"):
        try:
            styles = get_ready()
            with _shown_figures() as tell:
                session.run(styles, tell)
        except AskedToEndError as ended:
            number = ended.number
        finally:
            session.close()
    _tell_all(session)
    return exit_code(number)


@contextmanager
def _shown_figures() -> Iterator[Any]:
    """Show the figures of the moment on one line of a terminal; yield what renews it."""
    from rich.console import Console

    console = Console(stderr=True, highlight=False, markup=False)
    if not console.is_terminal:
        yield lambda status: None
        return
    with console.status("") as line:
        yield lambda status: line.update(_moment(status))


def _moment(status: dict[str, Any]) -> str:
    latency = status["latency_ms"]
    delay = f"latency {latency['median']} ms, 95 % below {latency['p95']} ms; " if latency else ""
    lost = f"; no picture: {status['lost']}" if status["lost"] else ""
    return (
        f"{status['style']} at {status['painted_at']}: {status['rate']:.1f} frames/s, {delay}"
        f"{status['dropped']} of {status['received']} frames dropped{lost}"
    )


def _tell_all(session: "Session") -> None:
    status = session.status()
    latency = status["latency_ms"]
    say(
        f"{status['painted']} frames painted, {session.metrics.mean_rate():.1f} a second, "
        f"the last at {status['painted_at']}"
    )
    say(f"{status['dropped']} frames dropped because a newer one came, {status['damaged']} damaged")
    if latency:
        say(
            f"from arrival to display: {latency['median']} ms in the median, {latency['p95']} ms at the 95th "
            "percentile"
        )
