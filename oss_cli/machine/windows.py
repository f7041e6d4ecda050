"""What Windows tells of processors and graphics cards. The reading of its records is tried on Linux; the calls are not.

Knows nothing of what the findings are for.
"""

import ctypes
from collections.abc import Iterable, Iterator

_RELATION_PROCESSOR_CORE = 0
_MOST_ADAPTERS = 64  # to end where a driver lists without end


def count_cores() -> int:
    """Physical performance cores; 0: Windows does not say."""
    kernel32 = load_library("kernel32")
    size = ctypes.c_uint32(0)
    kernel32.GetLogicalProcessorInformationEx(_RELATION_PROCESSOR_CORE, None, ctypes.byref(size))
    buffer = ctypes.create_string_buffer(size.value)
    if not kernel32.GetLogicalProcessorInformationEx(_RELATION_PROCESSOR_CORE, buffer, ctypes.byref(size)):
        return 0
    return count_performance_cores(buffer.raw[: size.value])


def count_performance_cores(records: bytes) -> int:
    """The cores of the highest efficiency class, which is the fastest; 0: the records make no sense.

    Records of SYSTEM_LOGICAL_PROCESSOR_INFORMATION_EX, one a core: DWORD relationship, DWORD size of the record, then
    PROCESSOR_RELATIONSHIP: BYTE flags, BYTE efficiency class. Source: winnt.h; Microsoft's page on the latter.
    """
    classes = []
    offset = 0
    while offset + 10 <= len(records):
        length = int.from_bytes(records[offset + 4 : offset + 8], "little")
        if length == 0:
            return 0
        classes.append(records[offset + 9])
        offset += length
    return classes.count(max(classes)) if classes else 0


def list_adapters() -> Iterator[tuple[str, str]]:
    """Name and device id of each graphics card that is there; one with several outputs comes several times."""
    user32 = load_library("user32")
    for number in range(_MOST_ADAPTERS):
        device = _DisplayDevice(size=ctypes.sizeof(_DisplayDevice))
        if not user32.EnumDisplayDevicesW(None, number, ctypes.byref(device), 0):
            return
        yield device.description, device.device_id


def name_makers(adapters: Iterable[tuple[str, str]], makers: dict[str, str]) -> list[tuple[str, str]]:
    """Maker and name of each card of a known maker, once. makers: by PCI vendor, such as "0x10de"."""
    found = []
    for name, device_id in adapters:
        _, _, rest = device_id.upper().partition("VEN_")  # PCI\VEN_10DE&DEV_2882&SUBSYS_...
        maker = makers.get(f"0x{rest[:4].lower()}")
        if maker is not None:
            found.append((maker, name.strip() or f"{maker} graphics"))
    return list(dict.fromkeys(found))


def load_library(name: str) -> ctypes.CDLL:
    """A library of the Windows API."""
    library: ctypes.CDLL = getattr(getattr(ctypes, "windll"), name)  # noqa: B009 - the attribute exists on Windows alone
    return library


class _DisplayDevice(ctypes.Structure):
    """DISPLAY_DEVICEW of the Windows API (wingdi.h)."""

    _fields_ = (
        ("size", ctypes.c_uint32),
        ("device_name", ctypes.c_wchar * 32),
        ("description", ctypes.c_wchar * 128),
        ("state", ctypes.c_uint32),
        ("device_id", ctypes.c_wchar * 128),
        ("device_key", ctypes.c_wchar * 128),
    )
