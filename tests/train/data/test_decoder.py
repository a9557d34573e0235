"""Transparent photographs are seen on a colour, which one process says once."""

import io
import multiprocessing
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from allaprima.train.data.decoder import Decoder


def encoded(alpha: int, colour: tuple[int, int, int] = (0, 0, 0)) -> bytes:
    pixels = np.zeros((20, 20, 4), np.uint8)
    pixels[..., :3] = colour
    pixels[..., 3] = 255
    pixels[:5, :, 3] = alpha
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def test_hidden_pixels_of_photographs_are_white(caplog: pytest.LogCaptureFixture) -> None:
    decode = Decoder()
    decode(encoded(alpha=255), 1)
    assert not caplog.text
    decoded = decode(encoded(alpha=0), 1)
    assert (decoded[:5] == 255).all()
    assert (decoded[5:] == 0).all()
    decode(encoded(alpha=0), 1)
    message = "some photographs are transparent; they are learned from as they look on white"
    assert caplog.messages == [message]


def test_the_background_is_a_setting() -> None:
    decoded = Decoder("#0a141e")(encoded(alpha=102), 1)
    np.testing.assert_allclose(decoded[0, 0], (0.6 * 10, 0.6 * 20, 0.6 * 30), atol=1)


def test_of_many_processes_one_says_it() -> None:
    context = multiprocessing.get_context("forkserver")
    decoder = Decoder()
    decoder.share_with(context)
    with context.Pool(3, _keep, (decoder,)) as pool:
        assert sum(pool.map(_decoded, range(12), chunksize=1)) == 1


def test_a_run_says_it_once(tmp_path: Path) -> None:
    """The first picture is met by the process that trains, the others by those that load for it."""
    (tmp_path / "photos").mkdir()
    for number in range(24):
        (tmp_path / "photos" / f"{number}.png").write_bytes(encoded(alpha=number % 2))
    program = tmp_path / "run.py"
    program.write_text(RUN)
    done = subprocess.run(
        [sys.executable, program], cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.stdout.split() == ["255"] * 6, done.stderr
    assert done.stderr.count("as they look on #0000ff") == 1


RUN = """
import warnings
from allaprima.train.data.data_module import ContentDataModule
from allaprima.train.settings.config import DataSettings

if __name__ == "__main__":
    warnings.simplefilter("ignore")  # of more processes than cores
    settings = DataSettings(crop_size=32, batch_size=4, cache="off", workers=2, background="#00f")
    data = ContentDataModule("photos", settings)
    data.setup("fit")
    for _, batch in zip(range(6), data.train_dataloader()):
        print(int(batch[:, 2].max()))
"""


_decoders: list[Decoder] = []


def _keep(decoder: Decoder) -> None:
    _decoders.append(decoder)


def _decoded(_: int) -> int:
    """Decode a transparent picture, and return how often that was said."""
    said: list[str] = []
    from allaprima.train.data import decoder

    decoder._log.addFilter(lambda record: said.append(record.getMessage()) or True)  # type: ignore[func-returns-value]
    _decoders[0](encoded(alpha=0), 1)
    return len(said)
