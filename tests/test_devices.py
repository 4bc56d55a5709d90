"""Devices: those known here, a user's own, what is wrong in a file of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from archinspect.analyses import devices
from archinspect.base.source import Source, SourceError

OWN = "- {name: Mine, memory: 8 GB, bandwidth: 50 GB/s, flops: {float32: 1.5 T}}\n"


def test_every_device_known_here_is_sound():
    for name in devices.device_names():
        device = devices.find_device(name)
        assert device.name == name == name.lower()
        assert device.title
        assert device.source
        assert device.year
        assert device.memory % 2**30 == 0
        assert 10**10 < device.bandwidth < 10**13
        # What has fewer bits is never slower.
        order = ("float64", "float32", "tf32", "float16", "float8")
        peaks = [device.flops[dtype] for dtype in order if dtype in device.flops]
        assert peaks == sorted(peaks)
        if {"float16", "bfloat16"} <= {*device.flops}:
            assert device.flops["float16"] == device.flops["bfloat16"]


def test_a_device_by_its_name():
    device = devices.find_device("H100")
    assert device.memory == 80 * 2**30
    assert device.bandwidth == 3_350_000_000_000
    assert device.flops["bfloat16"] == 989_400_000_000_000
    assert device.year == 2022


@pytest.mark.parametrize(("name", "help_"), [("a10080gb", "did you mean 'a100-40gb' or"), ("abacus", "known here: ")])
def test_an_unknown_device(name, help_):
    with pytest.raises(ValueError, match=f"no device '{name}': {help_}"):
        devices.find_device(name)


@pytest.mark.parametrize("memory", ["8 GB", "8000000000 B", "8000000 KB"])
def test_a_byte_is_a_unit(memory):
    (device,) = devices.read_devices(Source("own.yaml", OWN.replace("8 GB", memory))).values()
    assert device.memory == 8 * 10**9


def test_devices_of_a_users_own(tmp_path):
    file = tmp_path / "own.yaml"
    file.write_text(OWN + OWN.replace("Mine", "t4"))
    mine = devices.find_device("mine", str(file))
    assert mine == devices.Device("Mine", 8 * 10**9, 50 * 10**9, {"float32": 1_500_000_000_000})
    assert devices.find_device("t4", str(file)).memory == 8 * 10**9
    assert devices.device_names(str(file))[:2] == ["mine", "t4"]
    assert devices.device_names(str(file)).count("t4") == 1
    assert devices.find_device("h100", str(file)) == devices.find_device("h100")


@pytest.mark.parametrize(
    ("text", "message", "column"),
    [
        ("name: x", "a file of devices is a list of them", 1),
        ("- x", "a device is a map", 3),
        (OWN + OWN, "device 'Mine' is given twice", 3),
        (OWN.replace("memory", "memroy"), "a device has no key 'memroy'", 16),
        ("- {name: x}", "a device needs 'memory'", 3),
        (OWN.replace("Mine", "[]"), "name must be text", 10),
        (OWN.replace("}\n", ", source: 1.5}"), "source must be text", 83),
        (OWN.replace("}\n", ", year: new}"), "year must be a year", 81),
        (OWN.replace("8 GB", "8"), "memory must be an amount such as `80 GiB`", 24),
        (OWN.replace("8 GB", "<= 8 GB"), "memory must be an amount", 24),
        (OWN.replace("8 GB", "8 G ± 1 GB"), "memory must be an amount", 24),
        (OWN.replace("8 GB", "0 GB"), "memory must be an amount", 24),
        (OWN.replace("8 GB", "much"), "memory must be an amount", 24),
        (OWN.replace("8 GB", "[8 GB]"), "memory must be an amount", 24),
        (OWN.replace("50 GB/s", "50 GB"), "bandwidth must be an amount such as `3.35 TB/s`", 41),
        (OWN.replace("1.5 T", "1.5 B"), "float32 must be an amount such as `312 T`", 67),
        (OWN.replace("{float32: 1.5 T}", "1.5 T"), "flops must be a map of data types", 57),
        (OWN.replace("float32", "float23"), "no data type 'float23'", 58),
    ],
)
def test_what_is_wrong_in_a_file(text, message, column):
    with pytest.raises(SourceError) as raised:
        devices.read_devices(Source("own.yaml", text))
    assert raised.value.code == "device"
    assert raised.value.message.startswith(message)
    assert raised.value.span.line == text.rstrip().count("\n") + 1
    assert raised.value.span.column == column


@pytest.mark.parametrize(
    ("text", "help_"),
    [
        (OWN.replace("memory", "memroy"), "did you mean 'memory'?"),
        (OWN.replace("float32", "float23"), "did you mean 'float32'"),
        ("- {name: x}", ""),
    ],
)
def test_a_key_that_is_nearly_one_gets_a_remedy(text, help_):
    with pytest.raises(SourceError) as raised:
        devices.read_devices(Source("own.yaml", text))
    assert raised.value.help.startswith(help_)
    assert bool(raised.value.help) == bool(help_)


def test_the_documentation_lists_every_device():
    text = (Path(__file__).parents[1] / "docs" / "counting.md").read_text(encoding="utf-8")
    table = text.split("### Devices\n")[1].split("\n\nPeaks ")[0]
    rows = [tuple(cell.strip() for cell in line.strip("|").split("|")) for line in table.splitlines()[3:]]
    assert rows == [row(devices.find_device(name)) for name in devices.device_names()]


def row(device):
    prefix, unit = ("T", 10**12) if device.bandwidth >= 10**12 else ("G", 10**9)
    return (
        f"`{device.name}`",
        device.title,
        f"{device.memory >> 30} GiB",
        f"{device.bandwidth / unit:g} {prefix}B/s",
        ", ".join(f"{dtype} {peak / 1e12:g} T" for dtype, peak in device.flops.items()),
    )
