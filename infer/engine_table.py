"""The engines and the files that they run: one record each, nothing imported before it is used."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from pkgutil import resolve_name
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from .precision import Precision


@dataclass(frozen=True)
class ExportFormat:
    """A kind of file that `allaprima export` makes and an engine runs.

    Attributes:
        name: What the command line calls it.
        summary: What it is for, in the help.
        suffix: How the names of its files end.
        writer: Place of its `FormatWriter`.
        header: Place of the function that reads the style header out of a file, as text, without its runtime.
        recognize: Place of the function that tells its files from others with their last suffix; None where
            there are no others.
        weights: Suffix of the file beside it that holds the weights, if there is one.
        packages: What making one needs besides torch.
        refused: Precisions that it does not have, with the way out.
        machine_code: Whether it is compiled, which takes minutes, for a device and the kind of processor that
            made it.
    """

    name: str
    summary: str
    suffix: str
    writer: str
    header: str
    recognize: str | None = None
    weights: str | None = None
    packages: tuple[str, ...] = ()
    refused: Mapping[Precision, str] = field(default_factory=dict)
    machine_code: bool = False

    @property
    def last_suffix(self) -> str:
        """What `Path.suffix` is of its files."""
        return Path(f"file{self.suffix}").suffix

    def files(self, path: Path) -> list[Path]:
        """Return the files that belong together, the one to name first."""
        return [path] if self.weights is None else [path, path.with_suffix(self.weights)]


@dataclass(frozen=True)
class EngineRecord:
    """A runtime that carries out styles.

    What loads it takes a path, `device` and `precision`, and returns a `BaseEngine`.

    Attributes:
        name: What the command line calls it.
        summary: What it is, in the help.
        package: Distribution that it comes in.
        format: Exported files that it runs, if it runs any.
        load_exported: Place of what loads those.
        load_style: Place of what loads a style file as it is, if it can.
        conversion: Otherwise place of the function that says how a style file is exported for it: from device
            and precision to a `Request`. It raises ValueError if the device is not there.
    """

    name: str
    summary: str
    package: str
    format: ExportFormat | None = None
    load_exported: str = ""
    load_style: str | None = None
    conversion: str | None = None


_ONLY_ONNX_AND_OPENVINO = "only --format onnx and openvino have int8; choose one, or --precision float16"
# The OpenVINO files are made from ONNX, whose instance normalisation it knows as one operation.
_ONNX_PACKAGES = ("onnx", "onnxscript", "onnxruntime")

_RECORDS = (
    EngineRecord(
        "eager",
        "PyTorch",
        "torch",
        load_style="allaprima.infer.engines.eager:load_style_file",
        format=ExportFormat(
            "pt2",
            "torch.export.load",
            ".pt2",
            writer="allaprima.infer.export.to_torch:PT2",
            header="allaprima.infer.export.header:read_archive",
            recognize="allaprima.infer.export.header:is_program",
            refused={"int8": _ONLY_ONNX_AND_OPENVINO},
        ),
        load_exported="allaprima.infer.engines.pt2:ProgramEngine",
    ),
    EngineRecord(
        "compiled",
        "PyTorch compiled at the first picture, slowly and every time: for many pictures",
        "torch",
        load_style="allaprima.infer.engines.compiled:load_style_file",
    ),
    EngineRecord(
        "onnx",
        "ONNX Runtime",
        "onnxruntime",
        conversion="allaprima.infer.engines.onnx:conversion",
        format=ExportFormat(
            "onnx",
            "ONNX Runtime",
            ".onnx",
            writer="allaprima.infer.export.to_onnx:ONNX",
            header="allaprima.infer.export.onnx_contents:read_onnx",
            packages=_ONNX_PACKAGES,
            refused={
                "bfloat16": "ONNX Runtime has no bfloat16 convolutions on CPUs; choose --precision float16, "
                "or --format openvino or pt2"
            },
        ),
        load_exported="allaprima.infer.engines.onnx:OnnxEngine",
    ),
    EngineRecord(
        "openvino",
        "OpenVINO",
        "openvino",
        conversion="allaprima.infer.engines.openvino:conversion",
        format=ExportFormat(
            "openvino",
            "OpenVINO",
            ".xml",
            writer="allaprima.infer.export.to_openvino:OPENVINO",
            header="allaprima.infer.export.openvino_contents:read_openvino",
            weights=".bin",
            packages=("openvino", *_ONNX_PACKAGES),
        ),
        load_exported="allaprima.infer.engines.openvino:OpenVinoEngine",
    ),
    EngineRecord(
        "aoti",
        "machine code made by PyTorch",
        "torch",
        conversion="allaprima.infer.engines.pt2:conversion",
        format=ExportFormat(
            "aoti",
            "code compiled for this machine, which needs torch but not this project",
            ".aoti.pt2",
            writer="allaprima.infer.export.to_torch:AOTI",
            header="allaprima.infer.export.header:read_archive",
            recognize="allaprima.infer.export.header:is_machine_code",
            refused={"int8": _ONLY_ONNX_AND_OPENVINO},
            machine_code=True,
        ),
        load_exported="allaprima.infer.engines.pt2:AotiEngine",
    ),
)

ENGINES = {record.name: record for record in _RECORDS}
"""All engines by name, in the order in which they are listed."""

FORMATS = {record.format.name: record.format for record in _RECORDS if record.format}
"""What can be exported, by name."""

ENGINE_HELP = (
    f"What carries it out: {', '.join(f'{name} ({record.summary})' for name, record in ENGINES.items())}. "
    "auto is an exported file's own; for a style file OpenVINO where it is installed and the CPU has "
    "bfloat16 arithmetic or the network is fast or tiny, otherwise eager. A style file is converted once for "
    f"{', '.join(name for name, record in ENGINES.items() if record.conversion)}."
)
"""What commands say of `--engine`."""

if TYPE_CHECKING:  # names are checked where they come in
    EngineName: TypeAlias = str
    EngineChoice: TypeAlias = str
    FormatName: TypeAlias = str
else:
    EngineName = Literal[tuple(ENGINES)]
    EngineChoice = Literal[("auto", *ENGINES)]
    FormatName = Literal[tuple(FORMATS)]


def is_style_file(path: Path) -> bool:
    """Return whether a file is a style file rather than an exported one, by its name."""
    return not formats_named_like(path)


def formats_named_like(path: Path) -> list[ExportFormat]:
    """Return the formats whose files have a file's last suffix; none of a style file."""
    return [format for format in FORMATS.values() if format.last_suffix == path.suffix.lower()]


def engines_of(path: Path) -> tuple[EngineRecord, ...]:
    """Return the engines that can run a file, by its name and, where formats share a suffix, its content.

    Raises:
        OSError: If the content decides, and cannot be read.
        ValueError: If it is damaged.
    """
    if is_style_file(path):
        return tuple(record for record in ENGINES.values() if record.load_style or record.conversion)
    format = format_of(path)
    return tuple(record for record in ENGINES.values() if record.format is format)


def format_of(path: Path) -> ExportFormat:
    """Return the format of an exported file.

    Raises:
        OSError: If the content decides, and cannot be read.
        ValueError: If it is damaged, or of no such format.
    """
    for format in formats_named_like(path):
        if format.recognize is None or resolve(format.recognize)(path):
            return format
    suffixes = ", ".join(exported_suffixes())
    raise ValueError(f"'{path}' is not an exported model: expected one of {suffixes}")


def exported_suffixes() -> list[str]:
    """Return the last suffixes of exported files."""
    return list(dict.fromkeys(format.last_suffix for format in FORMATS.values()))


def resolve(place: str) -> Any:
    """Return what lies at a place, `package.module:name`, importing it now."""
    return resolve_name(place)
