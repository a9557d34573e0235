"""Two frames of an MPI-Sintel scene, with the motion between them as it was rendered."""

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from allaprima.images.picture_files import read_picture
from allaprima.images.pixels import Pixels

from .optical_flow import Motion, read_flow


@dataclass(frozen=True, eq=False)
class Scene:
    """A frame, the next one, and where its pixels are there."""

    before: Pixels
    after: Pixels
    motion: Motion


def read_scene(folder: Path) -> Scene:
    """Return the scene of a folder with `flow_0002_to_0003.flo`, both `frame_*.png`, and which pixels count.

    Those count that are black in `occlusions_0002.png` and `invalid_0002.png`.

    Raises:
        OSError: If a file is not there.
        ValueError: If there is no flow, or several, or sizes differ.
    """
    flows = sorted(folder.glob("flow_*_to_*.flo"))
    names = [re.fullmatch(r"flow_(\w+)_to_(\w+)\.flo", path.name) for path in flows]
    if len(names) != 1 or names[0] is None:
        raise ValueError(
            f"'{folder}' has {len(flows)} files flow_0002_to_0003.flo; expected one, or name a video file"
        )
    first, second = names[0].groups()
    before, after, occluded, invalid = (
        read_picture(folder / f"{name}.png").rgb
        for name in (f"frame_{first}", f"frame_{second}", f"occlusions_{first}", f"invalid_{first}")
    )
    flow = read_flow(flows[0])
    sizes = {picture.shape[:2] for picture in (before, after, occluded, invalid, flow)}
    if len(sizes) > 1:
        raise ValueError(f"the files of '{folder}' are of different sizes: {sorted(sizes)}")
    return Scene(before, after, Motion(flow, np.asarray(~(occluded.any(-1) | invalid.any(-1)))))
