"""The settings of a training run: their types, defaults and help."""

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal, Self, get_args

from cyclopts import Parameter
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from allaprima.images.background import WHITE, Background
from allaprima.models.network_presets import NETWORKS, NetworkName
from allaprima.models.network_settings import NetworkSettings, Upsampling

from .durations import Duration, Interval, plain_values
from .field_metadata import ByPreset, File, Mark, Place, Resumable, Source, Weight, marked
from .loss_presets import PRESETS, PresetName

DEFAULT_STEPS = 8000
LARGEST_SEED = 2**32 - 1
"""That every generator takes."""

BASE, RANDOM = Path("base"), Path("none")
"""What `init` may be instead of a style: the package's network for new styles, and random weights."""

Precision = Literal["32-true", "bf16-mixed", "16-mixed"]
"""Arithmetic, in Lightning's words."""


def _split(value: Any) -> Any:
    """Return the items of `a,b` or of a list of such, each once."""
    items = [value] if isinstance(value, str) else value
    if isinstance(items, list | tuple):
        parts = (part.strip() for item in items for part in str(item).split(","))
        return [*dict.fromkeys(part for part in parts if part)]
    return items


Layers = Annotated[tuple[str, ...], BeforeValidator(_split), Field(min_length=1)]


class LossSettings(BaseModel):
    """What is compared, and what counts how much."""

    model_config = ConfigDict(allow_inf_nan=False, use_attribute_docstrings=True)

    loss_preset: Annotated[PresetName | None, Parameter(alias="--preset")] = None
    """A published objective with its layers, formulas and weights, instead of calibrated weights."""
    strength: float = Field(default=1.0, gt=0)
    """Style against content: 2 paints more boldly, 0.5 stays closer to the photograph."""
    style_size: ByPreset[int | None] = Field(default=384, ge=16)
    """Shorter side of the style picture in pixels, never enlarged: larger gives larger strokes."""
    style_scales: int = Field(default=1, ge=1, le=4)
    """Sizes of the style picture in one objective, each half of the one before: strokes of several sizes."""
    loss_network: ByPreset[Literal["auto", "vgg19", "vgg16", "compact"]] = "auto"
    """Network whose features are compared; auto is vgg19 where its weights can be had, else compact."""
    loss_weights: Resumable[File[Path | None]] = None
    """Its weights (.safetensors or .pth, torchvision's names); by default torchvision's, or the package's."""
    content_layers: ByPreset[Layers] = ("relu4_2",)
    """Layers compared with the photograph."""
    style_layers: ByPreset[Layers] = ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1")
    """Layers whose Gram matrices are compared with the style picture."""
    content_weight: Weight[float | None] = Field(default=None, ge=0)
    """Absolute weight of each content layer; with style_weight it replaces calibration and strength."""
    style_weight: Weight[float | None] = Field(default=None, ge=0)
    """Absolute weight of each style layer."""
    tv_weight: Weight[float | None] = Field(default=None, ge=0)
    """Absolute weight of the total variation, of a picture in [0, 1] unless a preset says otherwise."""

    @model_validator(mode="before")
    @classmethod
    def _preset_fills_what_is_not_given(cls, values: Any) -> Any:
        if not isinstance(values, Mapping) or values.get("loss_preset") not in get_args(PresetName):
            return values
        # A weight that is None is one to be found, which a preset does not leave open.
        left_open = {name for name in marked(cls, Mark.WEIGHT) if values.get(name) is None}
        explicit = {name: value for name, value in values.items() if name not in left_open}
        return {**preset_settings(values["loss_preset"]), **explicit}

    @model_validator(mode="after")
    def _explicit_weights_come_together(self) -> Self:
        if (self.content_weight is None) != (self.style_weight is None):
            raise ValueError("content_weight and style_weight replace calibration: give both or none")
        if self.content_weight == self.style_weight == 0:
            raise ValueError("content_weight and style_weight are both 0: there would be nothing to learn")
        return self


def preset_settings(preset: PresetName) -> dict[str, Any]:
    """Return what a preset decides, as loss settings."""
    recipe, decided = PRESETS[preset](), marked(LossSettings, Mark.BY_PRESET)
    return {name: getattr(recipe, name) for name in LossSettings.model_fields if name in decided}


class TemporalSettings(BaseModel):
    """What counts besides for films."""

    model_config = ConfigDict(allow_inf_nan=False, use_attribute_docstrings=True)

    temporal: float = Field(default=0.0, ge=0)
    """Steadiness from frame to frame against content and style, for video: 0.7 halves flicker. A calibrated
    objective has terms of about 1; a preset's may be in the millions."""


class DataSettings(BaseModel):
    """The photographs."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    stream: bool = False
    """Read parquet, tar or hub data as a stream instead of in random order."""
    image_column: str | None = None
    """Column that holds the pictures; found by itself if there is only one."""
    follow_references: bool = False
    """Read pictures from where rows of a table only name a file or URL, instead of skipping them."""
    background: Background = WHITE
    """Colour that transparent photographs are seen on: white, black or '#rrggbb'."""
    batch_size: int = Field(default=2, ge=1)
    """Pictures a step and device."""
    crop_size: int = Field(default=320, ge=32)
    """Side of the square crops in pixels."""
    val_pictures: int = Field(default=16, ge=1)
    """Photographs held out for validation and the previews."""
    workers: Resumable[int | None] = Field(default=None, ge=0)
    """Processes that prepare pictures; chosen by itself if not given."""
    cache: Resumable[Literal["auto", "off"]] = "auto"
    """Keep decoded photographs on disk."""
    cache_dir: Resumable[Place[Path | None]] = None
    """Folder of that cache."""
    seed: int = Field(default=0, ge=0, le=LARGEST_SEED)
    """Seed of the first weights, the order of the photographs and their crops."""


class TransformerSettings(NetworkSettings):
    """The transformer network by name, or by what defines it."""

    network: NetworkName = "paper"
    """The paper's network, or a smaller one that is many times faster to run."""
    upsampling: Upsampling = NETWORKS["paper"].upsampling
    """How maps are enlarged: bilinear, after a convolution, leaves no weave; nearest, before it, comes 6
    to 11 % lower in the objective."""

    @model_validator(mode="before")
    @classmethod
    def _name_fills_what_is_not_given(cls, values: Any) -> Any:
        if not isinstance(values, Mapping):
            return values
        named = NETWORKS.get(values.get("network", "paper"))
        return values if named is None else {**named.model_dump(), **values}

    @property
    def transformer(self) -> NetworkSettings:
        """Return what defines the network."""
        return NetworkSettings(**self.model_dump(include=set(NetworkSettings.model_fields)))


class ScheduleSettings(BaseModel):
    """The learning rate and its schedule."""

    model_config = ConfigDict(allow_inf_nan=False, use_attribute_docstrings=True)

    warmup_steps: int = Field(default=20, ge=0)
    """Steps of linear warm-up before the cosine decay."""
    final_lr: Resumable[float] = Field(default=0.02, ge=0, le=1)
    """Last learning rate as a share of the peak."""
    weight_decay: float = Field(default=0.0, ge=0)
    """Decoupled weight decay; with muon of the kernels between feature maps alone. No part of the losses."""


class OptimizerSettings(ScheduleSettings):
    """The optimiser, its schedule and the arithmetic."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    optimizer: Literal["muon", "adam"] = "muon"
    """Muon is lower after some hundreds of steps; adam is Johnson et al.'s."""
    lr: Resumable[float | None] = Field(default=None, gt=0)
    """Peak learning rate; with muon 1e-2 from random weights and 5e-3 from trained ones (a fifth, 1e-3 at
    most, for biases, norms and the ends), 2e-3 with adam."""
    echo: int | None = Field(default=None, ge=1)
    """How often each crop is learned from, among a few dozen others: 4 by default on a CPU, where its
    features are computed once, else 1; those of a stream come once."""
    ema_decay: float = Field(default=0.99, ge=0, lt=1)
    """Decay of the moving average of the weights, which is what is saved."""
    precision: Resumable[Literal["auto", Precision]] = "auto"
    """bf16-mixed where the hardware computes in bfloat16, otherwise 32-true."""
    channels_last: Resumable[bool | None] = None
    """Memory layout of the transformer network, which GPUs prefer; on CUDA by default."""
    compile: Resumable[bool | None] = None
    """Compile the networks in place; on CUDA by default."""


class RunSettings(BaseModel):
    """Length, bookkeeping and machines."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    max_steps: Resumable[int | None] = Field(default=None, ge=1)
    """Steps to train; 8000 if max_time is not given either."""
    max_time: Resumable[Duration | None] = None
    """Time to train, such as 20m; the first limit reached ends the run."""
    checkpoint_every: Resumable[Interval] = timedelta(minutes=5)
    """Steps (500) or time (5m) between checkpoints."""
    validate_every: Resumable[int] = Field(default=250, ge=1)
    """Steps between validations and previews."""
    log_every: Resumable[int] = Field(default=10, ge=1)
    """Steps between logged values."""
    accelerator: Resumable[Literal["auto", "cpu", "cuda", "mps"]] = "auto"
    """Kind of device."""
    devices: Resumable[int | Literal["auto"]] = 1
    """Devices on each machine."""
    nodes: Resumable[int] = Field(default=1, ge=1)
    """Machines."""
    strategy: Resumable[str] = "auto"
    """Lightning's strategy for several devices, such as ddp."""

    @property
    def steps(self) -> int | None:
        """Steps of the whole run; None where time alone limits it."""
        return DEFAULT_STEPS if self.max_steps is None and self.max_time is None else self.max_steps


class FileSettings(BaseModel):
    """What the style file says and how exact it is."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    dtype: Resumable[Literal["float16", "float32"]] = "float16"
    """Number format of the saved weights."""
    author: Resumable[str | None] = None
    """Written into the style file."""
    licence: Resumable[str | None] = None
    """Written into the style file."""


class StyleSettings(BaseModel):
    """What to learn."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    style: Resumable[File[Path | None]] = None
    """The style picture."""


class InputSettings(BaseModel):
    """What to learn from, and where to put it."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    content: Resumable[Source[str | None]] = None
    """Photographs: a folder (clips in it give a frame a second), parquet or tar files, or the name of a data
    set on the hub."""
    init: File[Path | None] = None
    """A style file or bundled style to train on; base, the default, is for new styles, none is random."""
    output: Place[Annotated[Path | None, Parameter(alias="-o")]] = None
    """Run folder; runs/NAME-OF-STYLE if not given."""


class RunConfig(
    FileSettings,
    OptimizerSettings,
    TransformerSettings,
    DataSettings,
    TemporalSettings,
    LossSettings,
    RunSettings,
    InputSettings,
):
    """The settings of every training run, whatever it learns, in one flat name space.

    Pydantic lists the last base first.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    @model_validator(mode="after")
    def _echo_fits_the_data(self) -> Self:
        if self.stream and self.echo is not None and self.echo > 1:
            raise ValueError(f"echo is {self.echo}: crops of a stream come once; give echo 1, or no stream")
        return self

    def to_dict(self) -> dict[str, Any]:
        """Return plain values (strings, numbers, lists), as the YAML file holds them."""
        return plain_values(self)


class TrainConfig(RunConfig, StyleSettings):
    """All settings of a run that trains a style."""
