"""Least squares part by part."""

import torch

from allaprima.train.ridge_regression import ridge_regression


def test_it_is_least_squares_with_a_ridge_however_rows_are_parted() -> None:
    generator = torch.Generator().manual_seed(0)
    rows = torch.randn(40, 5, dtype=torch.float64, generator=generator)
    wanted = torch.randn(40, 3, dtype=torch.float64, generator=generator)
    ridge = 0.3
    damping = ridge * rows.square().sum(dim=0).mean()
    # A row more for each column pulls it to zero.
    more_rows = torch.cat([rows, damping.sqrt() * torch.eye(5, dtype=torch.float64)])
    more_wanted = torch.cat([wanted, torch.zeros(5, 3, dtype=torch.float64)])
    expected = torch.linalg.lstsq(more_rows, more_wanted).solution
    for size in (40, 7):
        parts = zip(torch.split(rows, size), torch.split(wanted, size), strict=True)
        torch.testing.assert_close(ridge_regression(parts, ridge), expected)
