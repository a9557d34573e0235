"""Which packages there are: the folder `allaprima`, and the folders beside it as packages inside of it."""

from setuptools import find_packages, setup

FOLDERS = ("configs", "images", "infer", "models", "paintings", "train")

setup(
    packages=[
        "allaprima",
        *(
            f"allaprima.{name}"
            for folder in FOLDERS
            for name in find_packages(include=[folder, f"{folder}.*"])
        ),
    ],
    package_dir={f"allaprima.{folder}": folder for folder in FOLDERS},
)
