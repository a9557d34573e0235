"""Tables that only name files and URLs: nothing is read, nobody asked, and nothing ends the run."""

import io
import os
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from allaprima.images.picture_files import PictureError
from allaprima.train.data import file_and_url_references, undecoded_picture
from allaprima.train.data.data_module import ContentDataModule
from allaprima.train.data.decoder import Decoder
from allaprima.train.data.file_and_url_references import Followed
from allaprima.train.data.sources import open_source, open_stream
from allaprima.train.data.undecoded_picture import NoPicture
from allaprima.train.settings.config import DataSettings

Asked = list[str]


def encoded(red: int) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (48, 40), (red, 0, 0)).save(buffer, "PNG")
    return buffer.getvalue()


def table(path: Path, *names: str | None, pictures: int = 0) -> Path:
    rows: list[dict[str, bytes | str | None]] = [{"bytes": None, "path": name} for name in names]
    rows += [{"bytes": encoded(number), "path": None} for number in range(pictures)]
    kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    pq.write_table(pa.table({"image": pa.array(rows, kind)}), path)
    return path


@pytest.fixture
def server() -> Iterator[tuple[str, Asked]]:
    """A server that has one picture, and notes what it is asked for."""
    asked: Asked = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(200)
            self.end_headers()
            self.wfile.write(encoded(9))

        do_HEAD = do_GET

        def log_message(self, format: str, *args: object) -> None: ...

    running = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=running.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{running.server_port}", asked
    running.shutdown()
    running.server_close()


def test_rows_that_only_name_pictures_are_broken_ones(
    tmp_path: Path, server: tuple[str, Asked], caplog: pytest.LogCaptureFixture
) -> None:
    url, asked = server
    local = tmp_path / "mine.png"
    local.write_bytes(encoded(7))
    names = (f"{url}/a.png", "file:///dev/zero", "http://192.0.2.1/a.jpg", str(local), f"file://{local}")
    content = str(table(tmp_path / "a.parquet", *names, pictures=12))
    settings = DataSettings(crop_size=32, cache_dir=tmp_path / "cache", val_pictures=1)
    began = time.monotonic()
    data = ContentDataModule(content, settings)
    data.prepare_data()
    data.setup()
    assert len(data.preview_pictures(1)) == 1
    assert "skipping 5 broken of 17 content pictures" in caplog.text
    assert "row 1 (only names 'file:///dev/zero', which --follow-references would read)" in caplog.text
    stream = ContentDataModule(content, settings.model_copy(update={"stream": True}))
    stream.setup()
    assert all(isinstance(item, NoPicture) for _, item in list(open_stream(content))[:5])
    assert time.monotonic() - began < 60
    assert asked == []


def test_who_says_so_has_them_followed(tmp_path: Path, server: tuple[str, Asked]) -> None:
    url, asked = server
    local = tmp_path / "mine.png"
    local.write_bytes(encoded(7))
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    unreadable = (
        "file:///dev/zero",
        "/dev/zero",
        str(pipe),
        "http://127.0.0.1:9/a.jpg",
        "odd://a",
        "a::b://",
    )
    content = str(table(tmp_path / "a.parquet", f"{url}/a.png", str(local), f"file://{local}", *unreadable))
    source = open_source(content, follow_references=True)
    assert [int(Decoder()(source[index], 1)[0, 0, 0]) for index in range(3)] == [9, 7, 7]
    for index in range(3, len(source)):
        with pytest.raises(PictureError):
            Decoder()(source[index], 1)
    assert "/a.png" in asked
    assert source.fingerprint() != open_source(content).fingerprint()


def test_bytes_of_a_picture_are_bounded(
    tmp_path: Path, server: tuple[str, Asked], monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (undecoded_picture, file_and_url_references):
        monkeypatch.setattr(module, "LARGEST_PICTURE", 20)
    local = tmp_path / "mine.png"
    local.write_bytes(encoded(7))
    source = open_source(
        str(table(tmp_path / "a.parquet", f"{server[0]}/a.png", str(local), pictures=1)),
        follow_references=True,
    )
    assert [isinstance(source[index], NoPicture) for index in range(3)] == [True] * 3


def test_data_sets_lead_only_into_themselves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", str(tmp_path))
    followed = Followed(data_set="owner/name")
    for own in (
        str(tmp_path / "downloads" / "a.jpg"),
        "hf://datasets/owner/name@main/a.jpg",
        "zip://a.jpg::hf://datasets/owner/name/b.zip",
    ):
        assert own in followed
        assert own not in Followed()
    for foreign in (
        "/etc/passwd",
        str(tmp_path / ".." / "a.jpg"),
        "hf://datasets/owner/name/../name-2/a.jpg",
        "hf://datasets/owner/name-2/a.jpg",
        "hf://datasets/other/name/a.jpg",
        "http://example.org/hf://datasets/owner/name/a.jpg",
        "http://example.org/x::hf://datasets/owner/name/a.jpg",
        "file:///etc/passwd",
    ):
        assert foreign not in followed


def test_arrays_are_pictures_already() -> None:
    pixels = np.zeros((4, 4, 3), np.uint8)
    assert Decoder()(pixels, 1) is pixels


def test_impossible_references_are_not_followed() -> None:
    for reference in ("a\0b", "x" * 5000, "file:///a\0b", "hf://datasets/owner/name\n/x"):
        assert reference not in Followed(data_set="owner/name")
