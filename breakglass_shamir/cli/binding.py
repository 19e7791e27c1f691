# SPDX-License-Identifier: Apache-2.0
"""How pycryptodome's compiled parts are bound to Python.

It takes cffi where that is installed, as by an extra of ours that never needs it here. cffi then parses the C
declarations of every part with a parser that is written in Python: 60 ms at each start. Bound with ctypes, which
pycryptodome takes where there is no cffi, the same compiled code runs, and a call costs the same.

Two things that it asks on that way are answered here, since they cost more than the rest of it: ``ctypes.util``, which
looks for libraries of the system and loads all of ``subprocess`` and ``tempfile``, and what ``platform`` makes of the
interpreter, for which it runs ``file``. Both are for libraries that are named without a path, and it has none.
"""

import sys
from types import ModuleType
from typing import NoReturn

_SEARCH = "ctypes.util"


def by_ctypes() -> None:
    """Let pycryptodome bind with ctypes in this process, unless it is bound already.

    It is for a program's beginning: a thread that imports cffi at the same instant would not find it.
    """
    if "Crypto.Util._raw_api" in sys.modules or "cffi" in sys.modules:
        return
    import ctypes

    absent: dict[str, ModuleType | None] = {"cffi": None}
    if _SEARCH not in sys.modules:
        absent[_SEARCH] = _without_search()
    sys.modules.update(absent)  # type: ignore[arg-type]
    try:
        from Crypto.Util import _raw_api
    finally:
        for name in absent:
            del sys.modules[name]
    if hasattr(_raw_api, "cached_architecture"):
        _raw_api.cached_architecture[:] = (f"{8 * ctypes.sizeof(ctypes.c_void_p)}bit", "ELF")


def _without_search() -> ModuleType:
    """Return what stands for ``ctypes.util`` meanwhile."""
    module = ModuleType(_SEARCH)
    module.find_library = _find_library  # type: ignore[attr-defined]
    return module


def _find_library(name: str) -> NoReturn:
    raise OSError(f"expected the path of a compiled part of pycryptodome, got {name!r}")
