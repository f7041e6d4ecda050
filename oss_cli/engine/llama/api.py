"""llama.cpp's C functions, by way of llama-cpp-python's ctypes module, and llama.cpp's log.

Only the module of bindings is loaded: the package's own `__init__` pulls in numpy, jinja2 and more (measured:
137-204 ms against 30 ms).
"""

import importlib
import importlib.util
import os
import re
import sys
from collections import deque
from collections.abc import Callable
from types import ModuleType
from typing import Any, TypeAlias

from oss_cli.errors import EngineFailed

Pointer: TypeAlias = Any
"""A C pointer, structure or module as ctypes gives it."""


_SPIN_COUNT = "1000"
"""How often GNU OpenMP's threads look for work before they sleep: what it chooses itself for more threads than cores.

Its default, 300,000, makes processes that share cores wait for each other: three runs of SmolLM2 at once on 2 cores
took 54 s instead of 2.8 s. Alone, the difference is within the noise (tests/bench/README.md).
"""


def _load_bindings() -> Pointer:
    """The module `llama_cpp.llama_cpp`, without running `llama_cpp/__init__.py`."""
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", _SPIN_COUNT)  # read once, when the library is loaded
    if "llama_cpp" in sys.modules:
        return importlib.import_module("llama_cpp.llama_cpp")
    spec = importlib.util.find_spec("llama_cpp")
    if spec is None or spec.submodule_search_locations is None:
        raise EngineFailed(
            "llama-cpp-python is not installed", cause="it runs the models", hint="pip install llama-cpp-python"
        )
    stand_in = ModuleType("llama_cpp")
    stand_in.__path__ = list(spec.submodule_search_locations)
    sys.modules["llama_cpp"] = stand_in
    try:
        return importlib.import_module("llama_cpp.llama_cpp")
    except (OSError, RuntimeError, FileNotFoundError, AttributeError) as error:
        raise EngineFailed(
            "llama.cpp's library could not be loaded",
            cause=str(error),
            hint="pip install --force-reinstall --no-cache-dir llama-cpp-python",
        ) from error
    finally:
        del sys.modules["llama_cpp"]  # whoever imports llama_cpp later gets the real package


C: Pointer = _load_bindings()
"""llama_cpp.llama_cpp: functions, structures and constants under llama.h's names."""

_LEVEL_ERROR = 4  # ggml.h, enum ggml_log_level
_LEVEL_CONTINUED = 5
_ECHOES = ("failed to load model", "failed to load model from")
"""What llama.cpp's outer functions add to the line that tells the cause."""


class EngineLog:
    """llama.cpp's last log lines; they never reach the terminal by themselves."""

    def __init__(self) -> None:
        self._lines: deque[tuple[int, str]] = deque(maxlen=400)
        self._level = 0
        self.sink: Callable[[str], None] | None = None
        """Gets every piece of log text as it comes (`--verbose`)."""

    def write(self, level: int, text: str) -> None:
        """Take a piece of log, whole lines or parts of one."""
        if self.sink is not None:
            try:
                self.sink(text)
            except Exception:  # nobody reads it any more; an exception cannot pass through C
                self.sink = None
        if level == _LEVEL_CONTINUED:
            if self._lines and not self._lines[-1][1].endswith("\n"):
                last_level, last_text = self._lines.pop()
                self._lines.append((last_level, (last_text + text)[-2000:]))
            return
        self._lines.append((level, text[:2000]))

    def clear(self) -> None:
        """Forget what was logged so far: what follows is the cause of a failure of what follows."""
        self._lines.clear()

    def errors(self, limit: int = 3) -> str:
        """The last error lines, or if there are none, the last lines of all."""
        lines = [_without_function(text) for level, text in self._lines if level == _LEVEL_ERROR and text.strip()]
        telling = [line for line in lines if not line.startswith(_ECHOES)]
        if not telling:
            telling = lines or [text.strip() for _, text in self._lines if text.strip(" .\n")]
        return "\n".join(dict.fromkeys(telling[-limit:]))


def _without_function(line: str) -> str:
    """A line of the log without the name of the C function in front."""
    return re.sub(r"^\w+: (error loading model: )?", "", line.strip())


LOG = EngineLog()
"""The log of this process: llama.cpp has one for all its models."""


def _take_log(level: int, text: bytes | None, _data: object) -> None:
    LOG.write(level, (text or b"").decode("utf-8", "replace"))


_LOG_CALLBACK = C.llama_log_callback(_take_log)  # llama.cpp keeps the pointer: it must live as long as the process
C.llama_log_set(_LOG_CALLBACK, None)
C.llama_backend_init()
