"""A run sees the same batches whether it was stopped or not; what is held out is never trained on."""

import io
import os
import tarfile
from itertools import islice
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from lightning import LightningModule, Trainer
from PIL import Image
from torch import Tensor, nn

from allaprima.train.data.data_module import ContentDataModule
from allaprima.train.data.decoded_cache import DecodedCache
from allaprima.train.settings.config import DataSettings

COUNT = 24
BROKEN = 5


def write_pictures(folder: Path, count: int = COUNT, broken: int | None = BROKEN) -> Path:
    """Red tells which picture it is."""
    folder.mkdir(exist_ok=True)
    for number in range(count):
        Image.new("RGB", (40, 36), (10 * number, 0, 0)).save(folder / f"{number:02}.png")
    if broken is not None:
        (folder / f"{broken:02}.png").write_bytes(b"")
    return folder


def write_tar(path: Path, count: int = COUNT) -> Path:
    with tarfile.open(path, "w") as tar:
        for number in range(count):
            file = io.BytesIO()
            Image.new("RGB", (40, 36), (10 * number, 0, 0)).save(file, "PNG")
            info = tarfile.TarInfo(f"{number:02}.png")
            info.size = len(file.getvalue())
            tar.addfile(info, io.BytesIO(file.getvalue()))
    return path


def data_module(content: Path, *, cache_limit_gb: float = 1.0, **settings: Any) -> ContentDataModule:
    values = {"crop_size": 32, "batch_size": 2, "workers": 0, "cache_dir": content.parent / "cache"}
    return ContentDataModule(
        str(content), DataSettings.model_validate(values | settings), cache_limit_gb=cache_limit_gb
    )


def ready(content: Path, **settings: Any) -> ContentDataModule:
    data = data_module(content, **settings)
    data.prepare_data()
    data.setup("fit")
    return data


def numbers(pictures: Tensor) -> list[int]:
    return [int(value) // 10 for value in pictures[:, 0, 0, 0]]


def trained_on(data: ContentDataModule, steps: int = 40) -> set[int]:
    batches = zip(range(steps), data.train_dataloader(), strict=False)
    return {number for _, batch in batches for number in numbers(batch)}


def validated_on(data: ContentDataModule) -> set[int]:
    return {number for batch in data.val_dataloader() for number in numbers(batch)}


class Recorder(LightningModule):
    """A module that remembers what it was shown, and may save itself after four steps."""

    def __init__(self, save_to: Path | None) -> None:
        super().__init__()
        self.save_to = save_to
        self.weight = nn.Parameter(torch.zeros(()))
        self.batches: list[Tensor] = []
        self.validated: list[Tensor] = []

    def training_step(self, batch: Tensor) -> Tensor:
        self.batches.append(batch.clone())
        return self.weight * batch.float().mean()

    def on_train_batch_end(self, *_: object, **__: object) -> None:
        if self.save_to and self.trainer.global_step == 4:
            self.trainer.save_checkpoint(self.save_to)

    def validation_step(self, batch: Tensor) -> None:
        if not self.trainer.sanity_checking:
            self.validated.append(batch.clone())

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=0.1)


def fit(content: Path, save_to: Path | None, ckpt_path: Path | None, **settings: Any) -> Recorder:
    module = Recorder(save_to)
    trainer = Trainer(
        max_steps=10,
        accelerator="cpu",
        devices=1,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        use_distributed_sampler=False,
        val_check_interval=3,
        check_val_every_n_epoch=None,
    )
    trainer.fit(module, data_module(content, **settings), ckpt_path=ckpt_path and str(ckpt_path))
    return module


@pytest.mark.filterwarnings("ignore:This DataLoader will create")
@pytest.mark.filterwarnings("ignore:`isinstance.treespec, LeafSpec.` is deprecated")
@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("kind", ["cache", "off", "stream"])
def test_a_resumed_run_sees_what_it_would_have_seen(tmp_path: Path, kind: str, workers: int) -> None:
    content = write_tar(tmp_path / "a.tar") if kind == "stream" else write_pictures(tmp_path / "photos")
    settings: dict[str, Any] = {
        "workers": workers,
        "stream": kind == "stream",
        "cache": "off" if kind == "off" else "auto",
    }
    whole = fit(content, tmp_path / "4.ckpt", None, **settings)
    resumed = fit(content, None, tmp_path / "4.ckpt", **settings)
    assert len(whole.batches) == 10
    assert len(resumed.batches) == 6
    assert all(map(torch.equal, whole.batches[4:], resumed.batches))
    assert len(whole.validated) >= 3


@pytest.mark.parametrize("cache", ["auto", "off"])
def test_held_out_pictures_are_not_trained_on(tmp_path: Path, cache: str) -> None:
    data = ready(write_pictures(tmp_path / "photos"), cache=cache)
    held_out = validated_on(data)
    assert len(held_out) == 2
    assert trained_on(data) == set(range(COUNT)) - held_out - {BROKEN}
    assert held_out == validated_on(ready(tmp_path / "photos", cache=cache))


def test_the_first_pictures_of_a_stream_are_held_out(tmp_path: Path) -> None:
    data = ready(write_tar(tmp_path / "a.tar"), stream=True, val_pictures=3)
    assert validated_on(data) == {0, 1, 2}
    assert trained_on(data) == set(range(3, COUNT))


@pytest.mark.parametrize("stream", [True, False])
def test_few_pictures_are_trained_and_validated_on(
    tmp_path: Path, stream: bool, caplog: pytest.LogCaptureFixture
) -> None:
    content = write_tar(tmp_path / "a.tar", 4) if stream else write_pictures(tmp_path / "photos", 4, None)
    data = ready(content, stream=stream, val_pictures=4)
    assert validated_on(data) == trained_on(data) == {0, 1, 2, 3}
    assert "content has only 4 pictures: validating on the ones that are trained on" in caplog.text


def test_preview_pictures_are_centre_crops(tmp_path: Path) -> None:
    data = ready(write_pictures(tmp_path / "photos"), val_pictures=2)
    preview = data.preview_pictures(1)
    assert preview.shape == (1, 3, 32, 32)
    assert preview.dtype == torch.uint8
    assert data.preview_pictures(5).shape == (2, 3, 32, 32)
    (photograph,) = data.photographs(1)
    assert photograph.shape == (36, 40, 3)
    assert int(photograph[0, 0, 0]) == preview[0, 0, 0, 0]


@pytest.mark.parametrize("cache", ["auto", "off"])
@pytest.mark.parametrize(
    ("size", "expected"), [((300, 200), (96, 64)), ((8, 12), (16, 24)), ((40, 36), (40, 36))]
)
def test_photographs_have_a_size_at_which_they_can_be_painted(
    tmp_path: Path, cache: str, size: tuple[int, int], expected: tuple[int, int]
) -> None:
    for number in range(10):
        Image.new("RGB", size).save(tmp_path / f"{number}.png")
    (photograph,) = ready(tmp_path, cache=cache, cache_dir=tmp_path / "cache").photographs(4)
    assert (photograph.shape[1], photograph.shape[0]) == expected


def test_a_cache_makes_no_difference_to_order_and_what_is_held_out(tmp_path: Path) -> None:
    content = write_pictures(tmp_path / "photos")
    for number in (0, 3, 8, 9, 17, 20):
        (content / f"{number:02}.png").write_bytes(b"broken")
    cached, plain = ready(content), ready(content, cache="off")
    assert isinstance(cached._pictures, DecodedCache)
    assert validated_on(cached) == validated_on(plain)
    batches = [list(islice(iter(data.train_dataloader()), 40)) for data in (cached, plain)]
    assert [numbers(batch) for batch in batches[0]] == [numbers(batch) for batch in batches[1]]
    assert all(map(torch.equal, *batches))
    assert cached.identity == plain.identity


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("change", ["add", "remove", "edit"])
def test_identity_follows_the_pictures(tmp_path: Path, stream: bool, change: str) -> None:
    content = write_tar(tmp_path / "a.tar") if stream else write_pictures(tmp_path / "photos")
    before = ready(content, stream=stream).identity
    assert ready(content, stream=stream).identity == before
    assert len(before) == 16
    if stream:
        write_tar(content, {"add": COUNT + 1, "remove": COUNT - 1, "edit": COUNT}[change])
    elif change == "remove":
        (content / "07.png").unlink()
    else:
        name = "07.png" if change == "edit" else "99.png"
        Image.new("RGB", (41, 36), (70, 0, 0)).save(content / name)
    assert ready(content, stream=stream).identity != before


def test_identity_follows_the_column_of_a_table(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    files = [(write_pictures(tmp_path / "photos", 12, None) / f"{number:02}.png") for number in range(12)]
    pictures = [file.read_bytes() for file in files]
    pq.write_table(pa.table({"jpg": pictures, "png": pictures[::-1]}), path)
    identities = {column: ready(path, stream=True, image_column=column).identity for column in ("jpg", "png")}
    assert identities["jpg"] != identities["png"]
    assert ready(path, stream=True).identity == identities["jpg"]


def test_identity_is_known_after_setup(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match=r"setup\(\) has to be called before identity"):
        _ = data_module(write_pictures(tmp_path)).identity


@pytest.mark.parametrize("cache", ["auto", "off"])
def test_a_single_picture_that_can_be_read_is_trained_and_validated_on(
    tmp_path: Path, cache: str, caplog: pytest.LogCaptureFixture
) -> None:
    content = write_pictures(tmp_path / "photos", 12, None)
    for number in set(range(12)) - {7}:
        (content / f"{number:02}.png").write_bytes(b"")
    data = ready(content, cache=cache)
    assert validated_on(data) == trained_on(data, 8) == {7}
    assert "content has only 1 picture: validating on the ones that are trained on" in caplog.text


def test_a_stream_with_one_picture_that_can_be_read(tmp_path: Path) -> None:
    with tarfile.open(write_tar(tmp_path / "a.tar", 1), "a") as tar:
        for number in range(1, 4):
            tar.addfile(tarfile.TarInfo(f"{number:02}.png"), io.BytesIO())
    data = ready(tmp_path / "a.tar", stream=True, val_pictures=1)
    assert validated_on(data) == trained_on(data, 8) == {0}


def test_a_cache_folder_that_cannot_be_written_does_not_end_training(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").touch()
    data = ready(write_pictures(tmp_path / "photos"), cache_dir=tmp_path / "file" / "cache")
    assert BROKEN not in trained_on(data)
    assert "pictures are decoded on the fly: no cache can be made in" in caplog.text


@pytest.mark.parametrize("world_size", [2, 3, 5])
def test_processes_share_the_validation_pictures(tmp_path: Path, world_size: int) -> None:
    data = ready(write_tar(tmp_path / "a.tar"), stream=True, val_pictures=4)
    shares = []
    for rank in range(world_size):
        data.trainer = cast(Trainer, SimpleNamespace(global_rank=rank, world_size=world_size))
        shares.append([number for batch in data.val_dataloader() for number in numbers(batch)])
    assert {number for share in shares for number in share} == {0, 1, 2, 3}
    assert len({len(share) for share in shares}) == 1


def test_without_room_pictures_are_decoded_on_the_fly(tmp_path: Path) -> None:
    content = write_pictures(tmp_path / "photos")
    data = data_module(content, cache_limit_gb=1e-6)
    data.prepare_data()
    data.setup()
    assert not list((tmp_path / "cache").glob("pictures-*"))
    assert BROKEN not in trained_on(data)


def test_cached_pictures_on_the_cpu_need_no_workers(tmp_path: Path) -> None:
    content = write_pictures(tmp_path / "photos")
    cached = ready(content, workers=None)
    assert isinstance(cached._pictures, DecodedCache)
    assert not hasattr(cached.train_dataloader(), "num_workers")
    several = min(2, len(os.sched_getaffinity(0)))
    loader = ready(content, workers=None, cache="off").train_dataloader()
    assert getattr(loader, "num_workers", 0) == several


@pytest.mark.parametrize("stream", [True, False])
def test_nothing_but_broken_pictures(tmp_path: Path, stream: bool) -> None:
    with tarfile.open(tmp_path / "a.tar", "w") as tar:
        for number in range(12):
            tar.addfile(tarfile.TarInfo(f"{number}.png"), io.BytesIO())
    with pytest.raises(ValueError, match="none of"):
        ready(tmp_path / "a.tar", stream=stream)


def test_setup_comes_first(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match=r"setup\(\) has to be called"):
        data_module(write_pictures(tmp_path)).train_dataloader()


def test_a_very_long_photograph_is_scored_in_bounded_memory(tmp_path: Path) -> None:
    """A run of 3 steps on 3 photographs took 1.5 GB at its peak, and 1.9 GB with one of 1080x15000 more.

    Measured on a CPU with the other settings as they are by default and the compact loss network.
    """
    (tmp_path / "photos").mkdir()
    for number in range(3):
        Image.new("RGB", (108, 1500), (number, 0, 0)).save(tmp_path / "photos" / f"{number}.png")
    scored = ready(tmp_path / "photos").photographs(4)
    assert max(pixels.shape[0] * pixels.shape[1] for pixels in scored) <= 2.5 * 64**2


def test_processes_are_fewer_where_shared_memory_is_small(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """64 MB, as docker gives, and less."""
    data = ready(write_pictures(tmp_path / "photos"), cache="off", workers=4)
    each = 6 * 2 * 3 * 32**2
    for free, fewer in ((4 * each, 4), (4 * each - 1, 3), (each - 1, 0)):
        monkeypatch.setattr("allaprima.train.data.data_module.free_shared_memory", lambda free=free: free)
        caplog.clear()
        assert data._within_shared_memory(4) == fewer
        assert (f"{fewer} processes load pictures instead of 4" in caplog.text) == (fewer < 4)
    assert not hasattr(data.train_dataloader(), "num_workers")
