# SPDX-License-Identifier: Apache-2.0
"""How pycryptodome's compiled parts are bound to Python.

It takes cffi where that is installed, as by an extra of ours that never needs it here. cffi then parses the C
declarations of every part with a parser that is written in Python: 60 ms at each start. Bound with ctypes, which
pycryptodome takes where there is no cffi, the same compiled code runs, and a call costs the same.
"""

import sys


def by_ctypes() -> None:
    """Let pycryptodome bind with ctypes in this process, unless it is bound already.

    It is for a program's beginning: a thread that imports cffi at the same instant would not find it.
    """
    if "Crypto.Util._raw_api" in sys.modules or "cffi" in sys.modules:
        return
    sys.modules["cffi"] = None  # type: ignore[assignment]
    try:
        import Crypto.Util._raw_api  # noqa: F401
    finally:
        del sys.modules["cffi"]
