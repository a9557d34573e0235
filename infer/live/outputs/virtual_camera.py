"""A camera that other programs see."""

from fractions import Fraction
from typing import Any

from allaprima.infer.live.shared_state.painted_frame import Displayed, PaintedFrame
from allaprima.terminal import one_line

_WHAT_TO_INSTALL = (
    "a virtual camera needs a driver. Linux: sudo apt install v4l2loopback-dkms && sudo modprobe "
    "v4l2loopback exclusive_caps=1. Windows and macOS: OBS Studio (https://obsproject.com), whose virtual "
    "camera was started once"
)


class VirtualCamera:
    """A camera of the system's driver for such.

    Args:
        size: Height and width.
        rate: Frames per second that it announces.
        displayed: Called for each picture that the driver has.

    Raises:
        OSError: If there is no driver; the message says what to install.
        ModuleNotFoundError: If pyvirtualcam is not installed.
    """

    def __init__(self, size: tuple[int, int], rate: Fraction, displayed: Displayed) -> None:
        import pyvirtualcam

        height, width = size
        try:
            self._camera: Any = pyvirtualcam.Camera(width, height, float(rate))
        except RuntimeError as error:
            raise OSError(f"there is no virtual camera: {_WHAT_TO_INSTALL} ({one_line(error)})") from error
        self._displayed = displayed
        self.device: str = self._camera.device

    def show(self, frame: PaintedFrame) -> None:
        """Give a picture to the driver."""
        self._camera.send(frame.picture)
        self._displayed(frame)

    def close(self) -> None:
        """Take the camera away."""
        self._camera.close()
