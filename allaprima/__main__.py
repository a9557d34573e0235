"""The command line: one table from command to function, imported when it is called."""

import logging
import os
import signal
import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from cyclopts import App, CycloptsError

from allaprima import __version__
from allaprima.missing_extras import how_to_install
from allaprima.terminal import PrintableFormatter, ProblemsError, complain, show_traceback

SIGPIPE = 13
"""What a program ends by whose output nobody reads any more, such as that of `| head`."""

COMMANDS = {
    "train": ("allaprima.train.cli:train", "Train a network that paints any picture in one style."),
    "train-base": (
        "allaprima.train.pretraining.cli:train_base",
        "Train a network on many styles, for new ones to start from.",
    ),
    "stylize": ("allaprima.infer.jobs.cli:stylize", "Paint pictures in a trained style."),
    "video": ("allaprima.infer.video.cli:video", "Paint a video in a trained style."),
    "live": ("allaprima.infer.live.cli:live", "Paint a camera, stream or file as it plays."),
    "optimize": (
        "allaprima.train.image_optimization.cli:optimize",
        "Paint one picture by optimising its pixels.",
    ),
    "evaluate": ("allaprima.train.evaluate.cli:evaluate", "Measure how good a trained style is."),
    "distill": ("allaprima.train.distill.cli:distill", "Make a compact loss network of VGG-19."),
    "bench train": ("allaprima.train.cli:bench_train", "Measure how fast this machine trains."),
    "bench compact": (
        "allaprima.train.distill.cli:bench_compact",
        "Measure how faithfully the compact loss network stands in for VGG-19.",
    ),
    "export": (
        "allaprima.infer.export.cli:export",
        "Make a trained style into a model file for another runtime.",
    ),
    "bench infer": (
        "allaprima.infer.bench.cli:bench_infer",
        "Measure how fast a style runs on this machine.",
    ),
    "bench video": (
        "allaprima.infer.video.bench_cli:bench_video",
        "Measure how fast clips are stylised from file to file.",
    ),
    "bench batch": (
        "allaprima.infer.jobs.bench.cli:bench_batch",
        "Measure how fast a folder of pictures is painted.",
    ),
    "styles": ("allaprima.infer.styles.cli:styles", "List the styles that come with the program."),
    "info": ("allaprima.infer.cli:info", "Print what a style file says of itself."),
}


def build_app() -> App:
    """Return the application with its commands, none of them imported yet."""
    app = App(name="allaprima", help="Feed-forward neural style transfer.", version=__version__)
    bench = App(name="bench", help="Measure speed and memory on this machine.")
    app.command(bench)
    for name, (target, summary) in COMMANDS.items():
        group, _, command = name.rpartition(" ")
        (bench if group else app).command(target, name=command, help=summary)
    return app


def main() -> None:
    """Run the command line; a user's mistake ends with its message and exit code 2."""
    _setup_logging()
    try:
        with (
            _ending_in_order(),
            warnings.catch_warnings(),
        ):  # Pillow's, about damaged metadata, do not say which picture
            warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.")
            code = build_app()(
                sys.argv[1:], result_action="return_value", exit_on_error=False, print_error=False
            )
        sys.stdout.flush()  # a pipe that nobody reads any more says so now
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # for Python's own flush at its end
        sys.exit(128 + SIGPIPE)
    except CycloptsError as error:  # printed here, for it shows arguments, which may be names of files
        complain(error)
        sys.exit(2)
    except (ValueError, OSError, MemoryError, ModuleNotFoundError) as error:
        message = how_to_install(error) if isinstance(error, ModuleNotFoundError) else str(error)
        if message is None or logging.getLogger().isEnabledFor(logging.DEBUG):
            raise
        complain(error if isinstance(error, ProblemsError) else ProblemsError(message or repr(error)))
        sys.exit(2)
    sys.exit(code if isinstance(code, int) else 0)


@contextmanager
def _ending_in_order() -> Iterator[None]:
    """Let SIGTERM and SIGHUP end the program as an exception does, so that nothing unfinished stays behind.

    Commands that keep what they have by then listen themselves while there is something to keep.
    """
    numbers = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
    if threading.current_thread() is not threading.main_thread():
        numbers = []
    numbers = [number for number in numbers if signal.getsignal(number) == signal.SIG_DFL]  # not under nohup

    def end(number: int, frame: object) -> None:
        raise SystemExit(128 + number)

    for number in numbers:
        signal.signal(number, end)
    try:
        yield
    finally:
        for number in numbers:
            signal.signal(number, signal.SIG_DFL)


def _setup_logging() -> None:
    """Send the project's log lines to standard error; `ALLAPRIMA_DEBUG=1` shows details and tracebacks."""
    debug = bool(os.environ.get("ALLAPRIMA_DEBUG"))
    handler = logging.StreamHandler()
    handler.setFormatter(PrintableFormatter("%(message)s"))
    logging.basicConfig(level=logging.DEBUG if debug else logging.WARNING, handlers=[handler])
    logging.getLogger("allaprima").setLevel(logging.DEBUG if debug else logging.INFO)
    sys.excepthook = show_traceback
    threading.excepthook = lambda ended: show_traceback(*ended[:3])


if __name__ == "__main__":
    main()
