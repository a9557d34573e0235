"""Published objectives in numbers, each with where it comes from; their formulas are in `objective/`."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

from allaprima.models.loss.architectures import Lineage

PresetName = Literal["chollet", "chollet2", "johnson", "pytorch-examples", "gatys", "lengstrom"]
FIRST_OF_STAGE = ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1")
LAST_OF_STAGE = ("relu1_2", "relu2_2", "relu3_3", "relu4_3")


@dataclass(frozen=True)
class LossRecipe:
    """What is compared, and what counts how much."""

    source: str
    """Where the numbers come from."""
    loss_network: Literal["vgg16", "vgg19"]
    lineage: Lineage
    """Weights of the loss network that the numbers were found with."""
    content_layers: tuple[str, ...]
    style_layers: tuple[str, ...]
    content_weight: float
    """Weight of each content layer."""
    style_weight: float
    """Weight of each style layer."""
    tv_weight: float
    style_size: int | None
    """Shorter side of the style picture in pixels; None for the picture as it is."""


def chollet() -> LossRecipe:
    """Return the objective of "Deep Learning with Python", first edition.

    Content and total variation are sums over the picture, while the style term does not depend on
    its size: a picture with four times the pixels has four times the content and variation against
    style. The numbers belong to pictures 400 px high.
    """
    return LossRecipe(
        source="F. Chollet, Deep Learning with Python, 1st ed. 2017, section 8.3",
        loss_network="vgg19",
        lineage="original",  # keras.applications.vgg19, converted from the authors' Caffe model
        content_layers=("relu5_2",),  # block5_conv2
        style_layers=FIRST_OF_STAGE,  # block1_conv1 ... block5_conv1
        content_weight=0.025,
        style_weight=1.0 / len(FIRST_OF_STAGE),
        tv_weight=1e-4,
        style_size=400,  # img_height; there the style is also stretched to the photograph's width
    )


def chollet2() -> LossRecipe:
    """Return the objective of the book's second edition and of the Keras site's example.

    As `chollet`, but total variation weighs 10,000 times more against style. The sums over the
    picture grow with its pixels here too.
    """
    return replace(
        chollet(),
        source="F. Chollet, Deep Learning with Python, 2nd ed. 2021, section 12.3; "
        "keras.io/examples/generative/neural_style_transfer",
        content_weight=2.5e-8,
        style_weight=1e-6 / len(FIRST_OF_STAGE),
        tv_weight=1e-6,
    )


def johnson() -> LossRecipe:
    """Return the objective of the authors' code for Johnson et al. 2016.

    The paper (eq. 4) writes the style term as a sum over Gram entries; the code takes the mean, and
    the weights belong to that. Total variation is a sum over the picture and grows with its pixels.
    """
    return LossRecipe(
        source="github.com/jcjohnson/fast-neural-style: train.lua and fast_neural_style/*.lua, defaults",
        loss_network="vgg16",
        lineage="original",  # models/vgg16.t7
        content_layers=("relu3_3",),  # -content_layers 16
        style_layers=LAST_OF_STAGE,  # -style_layers 4,9,16,23
        content_weight=1.0,  # -content_weights
        style_weight=5.0,  # -style_weights
        tv_weight=1e-6,  # -tv_strength
        style_size=256,  # -style_image_size, there of the longer side
    )


def pytorch_examples() -> LossRecipe:
    """Return the objective of PyTorch's fast_neural_style example; it has no total variation."""
    return LossRecipe(
        source="github.com/pytorch/examples: fast_neural_style/neural_style/neural_style.py, defaults",
        loss_network="vgg16",
        lineage="torchvision",  # models.vgg16(pretrained=True)
        content_layers=("relu2_2",),
        style_layers=LAST_OF_STAGE,
        content_weight=1e5,  # --content-weight
        style_weight=1e10,  # --style-weight
        tv_weight=0.0,
        style_size=None,  # --style-size, "default is the original size of style image"
    )


def gatys() -> LossRecipe:
    """Return the objective of Gatys et al. 2016; it has no total variation.

    The content term is a sum over the picture and grows with its pixels. The paper's network has
    average pooling and rescaled weights, so its ratio of content to style is only a start here.
    """
    return LossRecipe(
        source="Gatys, Ecker, Bethge, Image Style Transfer Using Convolutional Neural Networks, CVPR 2016",
        loss_network="vgg19",
        lineage="original",
        content_layers=("relu4_2",),
        style_layers=FIRST_OF_STAGE,
        content_weight=1e-3 / 2,  # alpha / beta of figure 3; eq. 1 has half the sum
        style_weight=1.0 / len(FIRST_OF_STAGE),  # w_l, section 3
        tv_weight=0.0,
        style_size=512,  # the figures are about 512 x 512, and the style has the picture's size
    )


def lengstrom() -> LossRecipe:
    """Return the objective of the most used trainer in TensorFlow; all terms are means."""
    return LossRecipe(
        source="github.com/lengstrom/fast-style-transfer: style.py and src/optimize.py, defaults",
        loss_network="vgg19",
        lineage="original",  # imagenet-vgg-verydeep-19.mat
        content_layers=("relu4_2",),
        style_layers=FIRST_OF_STAGE,
        content_weight=7.5,  # CONTENT_WEIGHT
        style_weight=100.0,  # STYLE_WEIGHT
        tv_weight=200.0,  # TV_WEIGHT
        style_size=None,
    )


PRESETS: dict[PresetName, Callable[[], LossRecipe]] = {
    "chollet": chollet,
    "chollet2": chollet2,
    "johnson": johnson,
    "pytorch-examples": pytorch_examples,
    "gatys": gatys,
    "lengstrom": lengstrom,
}
