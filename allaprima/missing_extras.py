"""What is said where a package is not installed that one of the project's extras brings."""

_EXTRAS = {
    "train": (
        "datasets",
        "filelock",
        "lightning",
        "matplotlib",
        "pyarrow",
        "pyvips",
        "tensorboard",
        "torch",
        "torchvision",
        "yaml",
    ),
    "onnx": ("onnx", "onnxruntime", "onnxscript"),
    "openvino": ("openvino",),
    "evaluate-video": ("cv2",),
    "live": ("pygame", "pyvirtualcam"),
    "storage": ("fsspec", "s3fs"),
    "ray": ("ray",),
    "heif": ("pillow_heif",),
    "raw": ("rawpy",),
}
"""The modules that `pip install 'allaprima[EXTRA]'` brings, apart from what they need themselves."""


def how_to_install(error: ModuleNotFoundError) -> str | None:
    """Return what is missing and the command that installs it, or None if no extra brings it."""
    module = (error.name or "").partition(".")[0]
    for extra, modules in _EXTRAS.items():
        if module in modules:
            return f"this needs {module}, which is not installed: pip install 'allaprima[{extra}]'"
    return None
