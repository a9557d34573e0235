"""Where a report is kept: figures as JSON, a contact sheet, and a plot of the comparison."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from allaprima.atomic import require_writable, write_whole

if TYPE_CHECKING:
    from allaprima.images.pixels import Pixels

    from .against_optimizer import Comparison
    from .video.steadiness import Steadiness

REPORT = ("report.json", "contact-sheet.png", "equivalent-evaluations.png")
"""Files of a report; the last only where there is a comparison with the optimiser."""

VIDEO_REPORT = ("video.json", "video.png", "video-strips.jpg")
"""Those on clips."""

_STRIPS_QUALITY = 80
"""Of the sheet of frames, which has a megabyte at the quality of results."""


def check_report_folder(output: Path, *, overwrite: bool) -> None:
    """Make the folder, and raise OSError now, rather than after the work, if a report cannot go there."""
    try:
        output.mkdir(parents=True, exist_ok=True)
    except FileExistsError as error:
        raise FileExistsError(f"output '{output}' is a file; name a folder") from error
    except OSError as error:
        raise OSError(f"output '{output}' cannot be made: {error.strerror or error}") from error
    if not overwrite and any((output / name).exists() for name in (*REPORT, *VIDEO_REPORT)):
        raise FileExistsError(f"'{output}' holds a report already: --overwrite replaces it")
    for name in (*REPORT, *VIDEO_REPORT):
        require_writable(output / name)


def write_report(
    output: Path, report: dict[str, Any], sheet: "Pixels", comparisons: "Sequence[Comparison]"
) -> list[str]:
    """Write a report and return the names of its files.

    Args:
        output: The folder, from `check_report_folder`.
        report: All figures.
        sheet: The contact sheet, `(H, W, 3)`.
        comparisons: What to plot; nothing if empty.
    """
    from allaprima.images.picture_files import Picture, write_picture

    from .against_optimizer import plot

    figures, pictures, curves = (output / name for name in REPORT)
    write_whole(figures, (json.dumps(report, indent=2, allow_nan=False) + "\n").encode())
    write_picture(Picture(sheet), pictures)
    curves.unlink(missing_ok=True)  # an earlier report's
    if comparisons:
        plot(comparisons, curves)
    return [path.name for path in (figures, pictures, curves) if path.exists()]


def write_video_report(output: Path, clips: "Sequence[Steadiness]") -> list[str]:
    """Write how steady clips are into a folder from `check_report_folder`; return the names of the files."""
    from allaprima.images.picture_files import Picture, write_picture

    from .video.report import as_dict, plot
    from .video.strips import strips

    figures, curves, pictures = (output / name for name in VIDEO_REPORT)
    write_whole(figures, (json.dumps(as_dict(clips), indent=2, allow_nan=False) + "\n").encode())
    plot(clips, curves)
    write_picture(Picture(strips(clips)), pictures, quality=_STRIPS_QUALITY)
    return [path.name for path in (figures, curves, pictures)]
