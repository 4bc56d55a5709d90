"""How tensors lie in memory, as PyTorch has them."""

from __future__ import annotations

import pytest

from archinspect.base.strides import dense, has_channels_first, in_order, is_in_order, of_map, reshaped


def test_elements_in_order():
    assert in_order((2, 3, 4)) == (12, 4, 1)
    assert in_order(()) == ()
    assert is_in_order((2, 3, 4), (12, 4, 1))
    assert is_in_order((1, 3, 1), (77, 1, 5))  # axes of size 1 have any stride
    assert not is_in_order((2, 3), (1, 2))
    assert not is_in_order((2, 3), (4, 1))  # a part of longer rows


def test_a_new_tensor_lies_as_another_one():
    assert dense((2, 3, 4), (1, 8, 2)) == (1, 8, 2)
    assert dense((2, 3), (1, 10)) == (1, 2)  # without what the other one leaves out
    assert dense((2, 3), (6, 2)) == (3, 1)


@pytest.mark.parametrize(
    ("shape", "strides", "wanted", "found"),
    [
        ((2, 3, 4), (12, 4, 1), (6, 4), (4, 1)),
        ((2, 3, 4), (12, 4, 1), (2, 1, 2, 6), (12, 12, 6, 1)),
        ((2, 3), (1, 2), (6,), None),
        ((2, 3), (1, 2), (2, 1, 3), (1, 6, 2)),
        ((4, 3), (1, 4), (2, 2, 3), (2, 1, 4)),  # an axis is cut
        ((2, 3), (4, 1), (6,), None),
        ((2, 3), (0, 1), (2, 3, 1), (0, 1, 1)),
        ((1, 1), (1, 1), (), ()),
    ],
)
def test_the_same_elements_in_other_axes(shape, strides, wanted, found):
    assert reshaped(shape, strides, wanted) == found


def test_a_kernel_has_channels_first_unless_it_keeps_them_last():
    last, first = (1, 4, 5, 3), (1, 3, 4, 5)
    assert of_map(last, None, last, 3, keeps=True) is None
    assert of_map(last, None, last, 3, keeps=False) == (60, 5, 1, 20)
    assert of_map(last, (60, 5, 1, 20), last, 3, keeps=True) == (60, 5, 1, 20)
    assert of_map(first, None, first, 1, keeps=False) is None
    assert is_in_order(first, of_map(first, None, first, 1, keeps=True))
    assert of_map(first, (60, 1, 15, 3), first, 1, keeps=True) == (60, 1, 15, 3)
    assert has_channels_first(first, None, 1)
    assert not has_channels_first(last, None, 3)
    assert has_channels_first(last, (60, 5, 1, 20), 3)
