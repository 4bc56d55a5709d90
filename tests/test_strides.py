"""How tensors lie in memory, as PyTorch has them."""

from __future__ import annotations

import pytest

from archinspect.base.strides import (
    has_channels_first,
    in_order,
    is_in_order,
    lies_alike,
    of_concatenated,
    of_elements,
    of_map,
    reshaped,
)


def test_elements_in_order():
    assert in_order((2, 3, 4)) == (12, 4, 1)
    assert in_order(()) == ()
    assert is_in_order((2, 3, 4), (12, 4, 1))
    assert is_in_order((1, 3, 1), (77, 1, 5))  # axes of size 1 have any stride
    assert not is_in_order((2, 3), (1, 2))
    assert not is_in_order((2, 3), (4, 1))  # a part of longer rows


@pytest.mark.parametrize(
    ("output", "given", "found"),
    [
        ((2, 3, 4), [((2, 3, 4), (1, 8, 2))], (1, 8, 2)),
        ((2, 3), [((2, 3), (1, 10))], (1, 2)),  # without what the other one leaves out
        ((2, 3), [((2, 3), (6, 2))], (3, 1)),
        ((1, 2, 2, 1), [((1, 2, 2, 1), (2, 0, 1, 1))], (4, 2, 1, 1)),  # where elements repeat, no stride tells
        ((2, 3, 4), [((2, 3, 4), (12, 1, 3)), ((4,), None)], (12, 1, 3)),
        ((2, 3, 4), [((3, 1), None), ((2, 3, 4), (1, 2, 6))], (1, 2, 6)),  # nor where it stretches
        ((2, 3), [((2, 3), (3, 1)), ((2, 3), (1, 2))], (3, 1)),  # the first tells
        ((3, 1, 2), [((3, 1, 2), (2, 2, 1))], (2, 2, 1)),
    ],
)
def test_a_function_of_elements_keeps_the_order_of_memory(output, given, found):
    shapes, strides = zip(*given, strict=True)
    assert of_elements(shapes, strides, output) == found


def test_what_is_put_together_keeps_channels_that_are_last():
    last = (60, 1, 15, 3)
    assert of_concatenated((1, 3, 4, 5), last, (1, 6, 4, 5)) == (120, 1, 30, 6)
    assert of_concatenated((1, 3, 4, 5), None, (1, 6, 4, 5)) is None
    assert of_concatenated((1, 3, 4), (12, 1, 3), (1, 6, 4)) is None  # PyTorch has no such format of a line


def test_axes_of_one_position_have_any_stride():
    assert lies_alike((2, 1, 3), (3, 77, 1), (3, 1, 1))
    assert not lies_alike((2, 1, 3), (3, 1, 1), (1, 1, 2))


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
