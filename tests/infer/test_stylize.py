"""The stylizer: kinds in and out, exact sizes, alpha, precision, memory."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from allaprima.images.picture_files import Picture, PictureError, write_picture
from allaprima.infer.engines import PictureTooLargeError, memory
from allaprima.infer.engines.eager import EagerEngine
from allaprima.infer.network.float_network import FloatNetwork
from allaprima.infer.stylize import Stylizer
from allaprima.models.network_settings import NetworkSettings
from allaprima.models.style_file import StyleHeader, save_style
from allaprima.models.transformer import TransformerNetwork


def network() -> TransformerNetwork:
    torch.manual_seed(0)
    return TransformerNetwork(width=8, residual_blocks=1)


@pytest.fixture(scope="module")
def style_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("style") / "a.style"
    settings = NetworkSettings(width=8, residual_blocks=1)
    save_style(path, network(), StyleHeader(network=settings, style_name="a", style_sha256="0" * 64))
    return path


@pytest.fixture(scope="module")
def stylizer(style_file: Path) -> Stylizer:
    return Stylizer.load(style_file, engine="eager", device="cpu")


def picture(height: int, width: int) -> Picture:
    values = np.random.default_rng(0).integers(0, 256, (height, width, 4), dtype=np.uint8)
    return Picture(values[..., :3], values[..., 3].clip(1))


class Identity:
    """An engine that paints nothing, and tells what it was given."""

    def __init__(self) -> None:
        self.sizes: list[tuple[int, ...]] = []

    def __call__(self, content_images: NDArray[Any]) -> NDArray[Any]:
        self.sizes.append(tuple(content_images.shape[1:3]))
        return content_images


class OneColour:
    """An engine that paints everything in one colour."""

    def __call__(self, content_images: NDArray[Any]) -> NDArray[Any]:
        return np.broadcast_to(np.array((120, 110, 130), np.uint8), content_images.shape)


@pytest.mark.parametrize("size", [(16, 16), (17, 31), (64, 97), (33, 130)])
def test_size_and_alpha_are_kept(stylizer: Stylizer, size: tuple[int, int]) -> None:
    content = picture(*size)
    result = stylizer(content)
    assert result.rgb.shape == (*size, 3)
    assert result.alpha is content.alpha
    assert (result.rgb != content.rgb).any()


def test_every_kind_gives_the_same_pixels(stylizer: Stylizer, tmp_path: Path) -> None:
    content = Picture(picture(20, 37).rgb)
    write_picture(content, tmp_path / "a.png")
    expected = stylizer(content).rgb

    array = stylizer(content.rgb)
    image = stylizer(content.to_image())
    from_path, from_text = stylizer(tmp_path / "a.png"), stylizer(str(tmp_path / "a.png"))
    tensor = stylizer(torch.from_numpy(content.rgb.copy()).permute(2, 0, 1).float() / 255)

    assert isinstance(array, np.ndarray)
    assert (array == expected).all()
    for kind in (image, from_path, from_text):
        assert isinstance(kind, Image.Image)
        assert (np.array(kind) == expected).all()
    assert (tensor.mul(255).round().byte().permute(1, 2, 0).numpy() == expected).all()


def test_pillow_image_keeps_alpha(stylizer: Stylizer) -> None:
    content = picture(20, 20)
    image = stylizer(content.to_image())
    assert image.mode == "RGBA"
    assert (np.array(image)[..., 3] == content.alpha).all()


def test_tensor_batch_keeps_shape_and_type(stylizer: Stylizer) -> None:
    batch = torch.rand(2, 3, 18, 21, dtype=torch.float64)
    result = stylizer(batch)
    assert (result.shape, result.dtype) == (batch.shape, batch.dtype)
    assert torch.allclose(result[1], stylizer(batch[1]), atol=1e-5)
    assert not result.is_inference()


def test_identity_changes_no_byte() -> None:
    levels = np.arange(256, dtype=np.uint8).repeat(3).reshape(16, 16, 3)
    assert (Stylizer(Identity())(levels) == levels).all()


@pytest.mark.parametrize("size", [(1, 1), (15, 15), (3, 40), (40, 5)])
def test_what_is_too_small_is_mirrored_for_the_network(stylizer: Stylizer, size: tuple[int, int]) -> None:
    engine, given = Identity(), picture(*size)
    assert (Stylizer(engine)(given.rgb) == given.rgb).all()
    assert min(engine.sizes[0]) == 16
    painted = stylizer(given)
    assert painted.rgb.shape == given.rgb.shape
    (streamed,) = next(stylizer.stream(iter([[given]])))
    assert (streamed.rgb == painted.rgb).all()
    tensor = torch.from_numpy(given.rgb).permute(2, 0, 1) / 255
    close = (stylizer(tensor).permute(1, 2, 0) * 255).numpy() - painted.rgb
    assert np.abs(close).max() <= 1


def luminance(pixels: NDArray[Any]) -> NDArray[Any]:
    result: NDArray[Any] = pixels @ np.array([0.299, 0.587, 0.114])
    return result


def test_colours_may_stay(style_file: Path) -> None:
    options: dict[str, Any] = {"device": "cpu", "engine": "eager"}
    given = picture(40, 50)
    painted = Stylizer.load(style_file, **options)(given)
    stylizer = Stylizer.load(style_file, **options, color="keep")
    kept = stylizer(given)
    assert np.abs(luminance(kept.rgb) - luminance(painted.rgb)).max() < 1
    tensor = stylizer(torch.from_numpy(given.rgb).permute(2, 0, 1) / 255)
    assert np.abs((tensor.permute(1, 2, 0) * 255).numpy() - kept.rgb).max() < 2
    (streamed,) = next(stylizer.stream(iter([[given]])))
    assert (streamed.rgb == kept.rgb).all()
    assert stylizer.settings["color"] == "keep"


def test_hidden_pixels_leave_no_trace(style_file: Path) -> None:
    given = picture(40, 50)
    assert given.alpha is not None
    given.alpha[5:20] = 0
    hidden = given.alpha == 0
    other = Picture(np.where(hidden[..., None], 255 - given.rgb, given.rgb), given.alpha)
    for background in ("white", "black"):
        stylizer = Stylizer.load(style_file, device="cpu", engine="eager", background=background)
        painted = stylizer(given)
        np.testing.assert_array_equal(painted.rgb, stylizer(other).rgb)
        np.testing.assert_array_equal(painted.alpha, given.alpha)
        for (result,) in stylizer.stream(iter([[given], [other]])):
            np.testing.assert_array_equal(result.rgb, painted.rgb)
        colour = {"white": 255, "black": 0}[background]
        filled = Picture(np.where(hidden[..., None], np.uint8(colour), given.rgb))
        np.testing.assert_array_equal(stylizer(filled).rgb, painted.rgb)
    assert stylizer.settings["background"] == "black"
    with pytest.raises(ValueError, match="background is 'gren'; expected a colour"):
        Stylizer.load(style_file, background="gren")


def test_the_background_is_behind_what_has_no_transparency(style_file: Path, tmp_path: Path) -> None:
    clear = Picture(np.full((32, 40, 3), 99, np.uint8), np.zeros((32, 40), np.uint8))
    write_picture(Stylizer.load(style_file, background="#0a141e")(clear), tmp_path / "a.jpg")
    with Image.open(tmp_path / "a.jpg") as written:
        np.testing.assert_allclose(np.asarray(written), np.full((32, 40, 3), (10, 20, 30)), atol=1)


def test_rounding_is_no_mistake(stylizer: Stylizer) -> None:
    image = torch.rand(3, 20, 24)
    image[0, 0, 0], image[1, 1, 1] = 1.0000002, -1e-6
    assert torch.equal(stylizer(image), stylizer(image.clamp(0, 1)))
    image[0, 0, 0] = 1.002
    with pytest.raises(ValueError, match=r"values from -.* to 1.00199997; expected \[0, 1\]"):
        stylizer(image)


def test_max_side_reduces_before_and_enlarges_after() -> None:
    engine = Identity()
    result = Stylizer(engine, max_side=32)(np.full((50, 101, 3), 77, np.uint8))
    assert engine.sizes == [(16, 32)]
    assert result.shape == (50, 101, 3)
    assert (result == 77).all()


@pytest.mark.parametrize("kind", ["array", "tensor"])
def test_detail_that_was_lost_by_reducing_comes_back(kind: str) -> None:
    grey = np.random.default_rng(0).integers(60, 190, (64, 72, 1), np.uint8).repeat(3, axis=2)
    tensor = torch.from_numpy(grey).permute(2, 0, 1) / 255

    def painted(detail: float) -> torch.Tensor:
        stylizer = Stylizer(Identity(), max_side=36, detail=detail)
        if kind == "tensor":
            return stylizer(tensor)
        return torch.from_numpy(stylizer(grey)).permute(2, 0, 1) / 255

    assert (painted(1) - tensor).abs().max() <= 1.01 / 255
    halfway = (painted(0) + tensor) / 2
    assert (painted(0) - tensor).abs().mean() > 10 / 255
    assert (painted(0.5) - halfway).abs().max() <= 1.01 / 255


def test_detail_changes_light_and_not_colour() -> None:
    noise = np.random.default_rng(0).integers(60, 190, (64, 72, 3), np.uint8)
    stylizer = Stylizer(OneColour(), max_side=36, detail=1)
    change = stylizer(noise).astype(int) - np.array([120, 110, 130])
    assert change.std() > 5
    assert (change == change[..., :1]).all()


def test_detail_needs_what_loses_it() -> None:
    with pytest.raises(ValueError, match="only with a max_side"):
        Stylizer(Identity(), detail=1)
    with pytest.raises(ValueError, match="detail is -1; expected at least 0"):
        Stylizer(Identity(), max_side=32, detail=-1)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("color", "kep", r"unknown color 'kep'; expected style, keep \(did you mean keep\?\)"),
        ("tiles", "foo", "unknown tiles 'foo'; expected auto, exact, fast$"),
        ("batch", 0, "batch is 0; expected at least 1"),
    ],
)
def test_what_is_no_choice_is_refused_when_a_style_is_loaded(name: str, value: Any, message: str) -> None:
    options: dict[str, Any] = {"engine": "eager", "device": "cpu", name: value}
    with pytest.raises(ValueError, match=message):
        Stylizer.load("great-wave", **options)


def test_max_side_leaves_small_and_thin_pictures_alone() -> None:
    engine = Identity()
    stylizer = Stylizer(engine, max_side=32)
    stylizer(np.zeros((20, 32, 3), np.uint8))
    stylizer(np.zeros((400, 17, 3), np.uint8))
    assert engine.sizes == [(20, 32), (376, 16)]


@pytest.mark.parametrize(
    ("content", "error", "message"),
    [
        (np.zeros((20, 20), np.uint8), ValueError, r"expected uint8 \(20, 20, 3\)"),
        (np.zeros((20, 20, 3)), ValueError, "rgb is float64"),
        (torch.zeros(20, 20, 3), ValueError, r"expected float \(3, H, W\)"),
        (torch.zeros(3, 20, 20, dtype=torch.uint8), ValueError, "torch.uint8"),
        (torch.zeros(0, 3, 20, 20), ValueError, "expected float"),
        (torch.full((3, 20, 20), 255.0), ValueError, r"from 255 to 255; expected \[0, 1\]"),
        (torch.full((3, 20, 20), torch.nan), ValueError, "nan"),
        (12, TypeError, "cannot stylise a int"),
        ("none.jpg", PictureError, "does not exist"),
    ],
)
def test_unusable_input_is_explained(
    stylizer: Stylizer, content: Any, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        stylizer(content)


def test_unknown_device_names_the_present(style_file: Path) -> None:
    for device in ("tpu", "cuda:99"):
        with pytest.raises(ValueError, match=rf"device '{device}' is not available; this machine has: .*cpu"):
            Stylizer.load(style_file, device=device)


def test_bfloat16_is_close_to_float32() -> None:
    image = torch.rand(1, 3, 24, 36)
    exact = EagerEngine(network(), device="cpu").on_tensors(image)
    rounded = EagerEngine(network(), device="cpu", precision="bfloat16").on_tensors(image)
    assert rounded.dtype == torch.float32
    assert (rounded - exact).abs().mean() < 0.02


def test_too_large_for_memory_is_told_before_it_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "free_memory", lambda: 100_000_000)
    engine = EagerEngine(network(), device="cpu")
    with pytest.raises(PictureTooLargeError) as caught:
        engine(np.zeros((1, 3, 1000, 1500), np.float32))
    message = "1500x1000 needs about 0.3 GB, 0.1 GB are free; 830x553 would fit: --max-side 830"
    assert str(caught.value) == message
    assert engine(np.zeros((1, 3, 553, 830), np.float32)).shape == (1, 3, 553, 830)


def test_memory_kept_from_earlier_pictures_counts_as_free(monkeypatch: pytest.MonkeyPatch) -> None:
    free = [100_000_000]
    monkeypatch.setattr(memory, "free_memory", lambda: free[-1])
    monkeypatch.setattr(memory, "give_back_freed_memory", lambda: free.append(10**9))
    image = np.zeros((1, 3, 700, 800), np.float32)
    assert EagerEngine(network(), device="cpu")(image).shape == image.shape
    assert len(free) == 2


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory."),
        RuntimeError("[enforce fail at alloc_cpu.cpp:117] DefaultCPUAllocator: can't allocate memory"),
        RuntimeError("not enough memory: you tried to allocate 1 bytes"),
        MemoryError(),
    ],
)
def test_errors_of_the_runtime_are_explained(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(network: FloatNetwork, content_image: Tensor) -> Tensor:
        raise error

    monkeypatch.setattr(FloatNetwork, "forward", fail)
    with pytest.raises(PictureTooLargeError, match=r"200x100 needs about .* would fit: --max-side 130"):
        EagerEngine(network(), device="cpu")(np.zeros((1, 3, 100, 200), np.float32))


def test_other_errors_of_the_runtime_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(network: FloatNetwork, content_image: Tensor) -> Tensor:
        raise RuntimeError("a bug")

    monkeypatch.setattr(FloatNetwork, "forward", fail)
    with pytest.raises(RuntimeError, match="a bug"):
        EagerEngine(network(), device="cpu")(np.zeros((1, 3, 16, 16), np.float32))
