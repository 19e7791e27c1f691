# SPDX-License-Identifier: Apache-2.0
"""What libraries take where something else is installed, though they do as well without it: at start-up, without it.

pycryptodome takes cffi where that is installed, as by an extra of ours that never needs it here. cffi then parses the C
declarations of every part with a parser that is written in Python: 60 ms at each start. Bound with ctypes, which
pycryptodome takes where there is no cffi, the same compiled code runs, and a call costs the same.

Two things that it asks on that way are answered here, since they cost more than the rest of it: ``ctypes.util``, which
looks for libraries of the system and loads all of ``subprocess`` and ``tempfile``, and what ``platform`` makes of the
interpreter, for which it runs ``file``. Both are for libraries that are named without a path, and it has none.

msgspec takes two functions from typing_extensions, where an extra of ours brought that, and the same two from
``typing`` where not.

Both functions here are for a program's beginning: a thread that imports one of the others at the same instant would not
find it.
"""

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import ModuleType
from typing import NoReturn

_SEARCH = "ctypes.util"


def by_ctypes() -> None:
    """Let pycryptodome bind with ctypes in this process, unless it is bound already."""
    if "Crypto.Util._raw_api" in sys.modules or "cffi" in sys.modules:
        return
    import ctypes

    with _as_if({"cffi": None, _SEARCH: _without_search()}):
        from Crypto.Util import _raw_api
    if hasattr(_raw_api, "cached_architecture"):
        _raw_api.cached_architecture[:] = (f"{8 * ctypes.sizeof(ctypes.c_void_p)}bit", "ELF")


def structs_by_typing() -> None:
    """Let msgspec take from ``typing`` what it takes from typing_extensions, unless one of them is there already."""
    if "msgspec" not in sys.modules:
        with _as_if({"typing_extensions": None}):
            import breakglass_shamir.structs  # noqa: F401


@contextmanager
def _as_if(modules: Mapping[str, ModuleType | None]) -> Iterator[None]:
    """Let others be imported as if these modules stood for those of their names; None: there is none."""
    absent = {name: module for name, module in modules.items() if name not in sys.modules}
    sys.modules.update(absent)  # type: ignore[arg-type]
    try:
        yield
    finally:
        for name in absent:
            del sys.modules[name]


def _without_search() -> ModuleType:
    """Return what stands for ``ctypes.util`` meanwhile."""
    module = ModuleType(_SEARCH)
    module.find_library = _find_library  # type: ignore[attr-defined]
    return module


def _find_library(name: str) -> NoReturn:
    raise OSError(f"expected the path of a compiled part of pycryptodome, got {name!r}")
