# SPDX-License-Identifier: Apache-2.0
"""Commands that messages and hints show: people paste them, so every word from elsewhere is quoted, here and only here.

Rules:

1. What is put into a command is one word of a POSIX shell, whatever it holds (:func:`word`).
2. A word that stands by itself and begins with a hyphen stands at the end, after ``--`` (:func:`breakglass`).
3. What the caller wrote out, such as ``--scan PATH...``, is passed on as it is.

It runs nothing.
"""


def word(value: object) -> str:
    """Return a name, path or number as one word of a POSIX shell."""
    from shlex import quote

    return quote(str(value))


def operand(path: object) -> str:
    """Return a path as a word that no program takes for an option: before a hyphen in front stands ``./``."""
    text = str(path)
    return word(f"./{text}" if text.startswith("-") else text)


def breakglass(verb: str, *operands: object, options: str = "", home: object = None) -> str:
    """Return a command of this program.

    Args:
        verb: the command, and its second word where it has one: ``policy adopt``.
        operands: what it is about, such as a set's name; each becomes one word.
        options: written out by the caller; values from elsewhere in it went through :func:`word`.
        home: folder to name with ``--home``; None: it is not named.
    """
    before = "breakglass" if home is None else f"breakglass --home {word(home)}"
    words = [word(operand) for operand in operands]
    if any(str(operand).startswith("-") for operand in operands):
        parts = [before, verb, options, "--", *words]
    else:
        parts = [before, verb, *words, options]
    return " ".join(part for part in parts if part)


def in_home(command: str, home: object) -> str:
    """Return a command of :func:`breakglass` with the home named in it."""
    return f"breakglass --home {word(home)}{command.removeprefix('breakglass')}"
