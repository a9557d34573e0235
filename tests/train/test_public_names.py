"""Every public name can be had, from the package itself."""

import pytest

from allaprima import train


@pytest.mark.parametrize("name", train.__all__)
def test_public_names_are_there(name: str) -> None:
    assert getattr(train, name).__name__ == name


def test_others_are_not() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'sing'"):
        train.sing  # noqa: B018
