"""Networks that new styles start from."""

from pathlib import Path

from allaprima.models.network_settings import NetworkSettings
from allaprima.models.style_file import read_header


def base_for(settings: NetworkSettings) -> Path | None:
    """Return the style file to start a network of these settings from, if the package has one.

    Raises:
        ValueError: If a file of the package is damaged.
    """
    bases = sorted(Path(__file__).parent.glob("*.safetensors"))
    return next((path for path in bases if read_header(path).network == settings), None)
