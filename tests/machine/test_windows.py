"""Windows' records, made up after its documentation."""

import struct

import pytest

from oss_cli.machine.windows import count_performance_cores, name_makers

MAKERS = {"0x10de": "NVIDIA", "0x1002": "AMD", "0x8086": "Intel"}


def cores(*classes: int) -> bytes:
    """A record of one processor group for each core."""
    return b"".join(struct.pack("<IIBB20xH", 0, 48, 0, one, 1) + bytes(16) for one in classes)


@pytest.mark.parametrize(
    ("classes", "count"),
    [((0,) * 8, 8), ((1,) * 6 + (0,) * 8, 6), ((2,) * 4 + (1,) * 4 + (0,) * 2, 4), ((), 0)],
    ids=["all alike", "two kinds", "three kinds", "none"],
)
def test_the_fastest_cores_are_counted(classes: tuple[int, ...], count: int) -> None:
    assert count_performance_cores(cores(*classes)) == count


def test_records_without_a_length_are_not_believed() -> None:
    assert count_performance_cores(bytes(48)) == 0


def test_cards_are_known_by_their_vendor_and_come_once() -> None:
    adapters = [
        ("AMD Radeon RX 7800 XT", "PCI\\VEN_1002&DEV_747E&SUBSYS_D7081DA2&REV_C8"),
        ("AMD Radeon RX 7800 XT", "PCI\\VEN_1002&DEV_747E&SUBSYS_D7081DA2&REV_C8"),
        ("Intel(R) Arc(TM) Graphics", "PCI\\VEN_8086&DEV_7D55&SUBSYS_22D717AA&REV_08"),
        ("", "PCI\\VEN_10DE&DEV_2882"),
        ("Microsoft Remote Display Adapter", ""),
        ("Something", "PCI\\VEN_1AF4&DEV_1050"),
    ]
    assert name_makers(adapters, MAKERS) == [
        ("AMD", "AMD Radeon RX 7800 XT"),
        ("Intel", "Intel(R) Arc(TM) Graphics"),
        ("NVIDIA", "NVIDIA graphics"),
    ]
