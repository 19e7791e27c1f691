# SPDX-License-Identifier: Apache-2.0
"""Commands that take their standard input for a program: the credential would be run, and logged where it fails.

One ran it as SQL, into the server's log, and ended well. So such a command is known before it is started: by its name,
by what a symbolic link of it leads to, behind ``env``, ``sudo`` and what is like them, and behind ``ssh HOST``.
A command that has its program from elsewhere (``sh script``, ``psql -f FILE``, ``python -c ...``) is none.

Nothing is forbidden here. What is not known is not warned of.
"""

import re
import shlex
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath

from breakglass_shamir.operations.recipes.catalogue import PREFIX, RECIPES

_MOST_WORDS = 200
_MOST_LINKS = 8
_MOST_LOOKS = 500
"""Programs that are looked at behind each other, in one command."""


@dataclass(frozen=True, slots=True)
class _Interpreter:
    """How one is told apart from itself with a program of its own.

    Attributes:
        operands: how many words without a dash it takes before it has its program.
        instead: options that bring the program, or say that none is wanted.
        valued: options whose value is the next word.
    """

    operands: int = 1
    instead: tuple[str, ...] = ()
    valued: tuple[str, ...] = ()


_ENOUGH = 99
_HELP = ("--help", "--version")
_SHELL = _Interpreter(1, ("-c",), ("-o", "-O", "+o", "+O", "--rcfile", "--init-file"))
_SCRIPT = _Interpreter(1, ("-c", "-e", "-E", "-m", "-r", "-p", "--eval", "--print"),
                       ("-W", "-X", "-I", "-C", "-d", "--require", "-l"))  # fmt: skip
_SQL = _Interpreter(_ENOUGH, ("-c", "-e", "-f", "-i", "-q", "-Q", "--query", "--queries-file", "--eval", "--execute"))
_PSQL = _Interpreter(
    _ENOUGH, ("-c", "--command", "-f", "--file", "-l", "--list"),
    ("-h", "-p", "-U", "-d", "-v", "-o", "-F", "-R", "-P", "-T", "-L"),
)  # fmt: skip
_MYSQL = _Interpreter(_ENOUGH, ("-e", "--execute"), ("-h", "-P", "-u", "-D", "-S"))

_KNOWN: dict[str, _Interpreter] = {
    **dict.fromkeys(("sh", "bash", "dash", "ash", "zsh", "ksh", "mksh", "fish", "csh", "tcsh", "rbash", "pwsh"),
                    _SHELL),
    **dict.fromkeys(("python", "pypy", "perl", "ruby", "irb", "node", "nodejs", "deno", "bun", "php", "lua", "luajit",
                     "tclsh", "expect", "guile", "ocaml", "ghci", "Rscript", "R", "julia", "groovy", "jshell"),
                    _SCRIPT),
    **dict.fromkeys(("psql", "pgcli", "usql"), _PSQL),
    **dict.fromkeys(("mysql", "mariadb", "mycli"), _MYSQL),
    **dict.fromkeys(("sqlplus", "sqlcmd", "isql", "tsql", "cqlsh", "clickhouse-client",
                     "mongosh", "mongo", "hdbsql", "db2", "duckdb"), _SQL),
    "sqlite3": _Interpreter(2, (), ("-cmd", "-init", "-separator", "-nullvalue", "-newline", "-mode")),
    "redis-cli": _Interpreter(1, ("--eval",), ("-h", "-p", "-u", "-a", "-n", "-s", "--user")),
    "valkey-cli": _Interpreter(1, ("--eval",), ("-h", "-p", "-u", "-a", "-n", "-s", "--user")),
    "bc": _Interpreter(_ENOUGH), "dc": _Interpreter(1, ("-e", "-f")), "gdb": _Interpreter(_ENOUGH),
    "at": _Interpreter(_ENOUGH, ("-f", "-l", "-r", "-d", "-c")), "batch": _Interpreter(_ENOUGH, ("-f",)),
    "ftp": _Interpreter(_ENOUGH), "sftp": _Interpreter(_ENOUGH, ("-b",)), "lftp": _Interpreter(_ENOUGH, ("-c", "-f")),
    "telnet": _Interpreter(_ENOUGH), "nsupdate": _Interpreter(1), "kadmin": _Interpreter(_ENOUGH, ("-q",)),
    "kadmin.local": _Interpreter(_ENOUGH, ("-q",)), "virsh": _Interpreter(1), "nft": _Interpreter(1, ("-f",)),
    "xargs": _Interpreter(_ENOUGH), "parallel": _Interpreter(_ENOUGH),
    "ldapmodify": _Interpreter(_ENOUGH, ("-f",)), "ldapadd": _Interpreter(_ENOUGH, ("-f",)),
    "ldapdelete": _Interpreter(_ENOUGH, ("-f",)),
}  # fmt: skip
"""What takes its standard input for a program, a list of commands, or what to change."""

_BEFORE: dict[str, tuple[str, ...]] = {
    "env": ("-u", "--unset", "-C", "--chdir"),
    "sudo": ("-u", "-g", "-h", "-p", "-C", "-D", "-R", "-r", "-t", "-T", "-U"),
    "doas": ("-u", "-C"), "runuser": ("-u", "-g", "-G"), "setpriv": (), "nice": ("-n",), "ionice": ("-c", "-n"),
    "nohup": (), "setsid": (), "stdbuf": ("-i", "-o", "-e"), "timeout": ("-s", "-k"), "chroot": (), "unshare": (),
    "nsenter": ("-t",), "time": ("-f", "-o"), "strace": ("-o", "-e"), "busybox": (), "toybox": (), "command": (),
    "exec": (), "chrt": (), "taskset": (), "flock": (), "systemd-run": ("-p", "-u"), "firejail": (), "torsocks": (),
    "docker": ("-u", "-e", "-w"), "podman": ("-u", "-e", "-w"), "kubectl": ("-n", "-c"), "nerdctl": ("-u", "-e", "-w"),
    "lxc": (), "su": ("-s", "-g", "-G", "-w"),
}  # fmt: skip
"""Programs that start another one with their own standard input; and their options whose value is the next word."""

_SSH_VALUED = tuple(f"-{letter}" for letter in "BbcDEeFIiJLlmOopQRSWw")
_VERSION = "-.0123456789"
_ASSIGNMENT = re.compile(r"[A-Za-z_][A-Za-z0-9_]*=.*", re.DOTALL)
_STANDARD_INPUT = frozenset({"-", "/dev/stdin", "/proc/self/fd/0", "/dev/fd/0"})
_SIMPLE = re.compile(r"[^|<>;&$`()\n]*")
_ONE_FOR_MANY = frozenset({"busybox", "toybox"})
_ONLY_ONE = frozenset({"env", "sudo", "nohup", "nice", "setsid", "doas", "busybox", "toybox", "command"})
"""Of the programs that start another one, those whose first word without a dash is it."""


def warning(command: Sequence[str]) -> str:
    """Return why the credential on standard input would be run by a command; empty where it is not known to be.

    Args:
        command: program and arguments, as they would be started.
    """
    if not command or command[0].startswith(PREFIX):
        return ""
    found = _reader(list(command[:_MOST_WORDS]), iter(range(_MOST_LOOKS)))
    if not found:
        return ""
    return f"{found} takes its standard input for its program: it would run the credential, and may log or send it"


def recipe_instead(command: Sequence[str]) -> str:
    """Return what to do in the place of such a command."""
    found = _reader(list(command[:_MOST_WORDS]), iter(range(_MOST_LOOKS)))
    name = next((name for name in (found, found.rstrip(_VERSION)) if name in RECIPES), "")
    if name:
        return f"use the recipe, which leaves you the keyboard: --exec {PREFIX}{name} ARGUMENTS..."
    return "name a script that reads the descriptor numbered by BREAKGLASS_FD, or a recipe such as --exec recipe:psql"


def _reader(words: list[str], looks: Iterator[int]) -> str:
    """Return the name of the program that would read standard input as its program; empty: none is known."""
    if not words or next(looks, None) is None:
        return ""
    for name in _names(words[0]):
        if name == "ssh":
            return _over_ssh(words[1:], looks)
        if name == "su" and not any(word.startswith(("-c", "--command")) for word in words):
            return name
        if name in _BEFORE:
            return _behind(name, words[1:], looks)
        known = _KNOWN.get(name) or _KNOWN.get(name.rstrip(_VERSION))
        if known:
            script = _script(words) if known is _SHELL else ""
            return name if _reads(known, words[1:]) else _reader(_split(script), looks)
    return ""


def _names(program: str) -> list[str]:
    """Return what a program is called, and what each link on the way to its file is called, where it is on the path."""
    names = [PurePath(program).name]
    found = program if "/" in program else shutil.which(program)
    for _ in range(_MOST_LINKS):
        try:
            found = str(PurePath(found).parent / Path(found).readlink()) if found else None
        except OSError:
            break
        if found and PurePath(found).name not in _ONE_FOR_MANY:
            names.append(PurePath(found).name)
    return names


def _reads(known: _Interpreter, arguments: Sequence[str]) -> bool:
    operands, skip = 0, False
    for word in arguments:
        if skip:
            skip = False
        elif word in _STANDARD_INPUT or (word == "-s" and known is _SHELL):
            return True
        elif word.startswith(("-", "+")):
            if word in _HELP or _brings(word, known.instead):
                return False
            skip = word in known.valued
        else:
            operands += 1
    return operands < known.operands


def _script(words: Sequence[str]) -> str:
    """Return what a shell is told to run, where it is one plain command: that one has the shell's standard input."""
    at = next((at for at, word in enumerate(words) if re.fullmatch(r"-[a-z]*c", word)), -1)
    script = words[at + 1] if 0 <= at < len(words) - 1 else ""
    return script if _SIMPLE.fullmatch(script) else ""


def _brings(word: str, instead: Sequence[str]) -> bool:
    """Tell whether an option brings the program: by itself, with its value, or among letters such as ``-ec``."""
    if word.startswith("--"):
        return word.partition("=")[0] in instead
    letters = [option[1] for option in instead if re.fullmatch(r"-[A-Za-z]", option)]
    among = "-c" in instead and "-e" not in instead and word[-1] == "c" and word[1:].isalpha()
    return word in instead or among or any(word.startswith(f"-{letter}") for letter in letters)


def _behind(name: str, arguments: Sequence[str], looks: Iterator[int]) -> str:
    """Look at what a program starts that starts another one."""
    valued, words, skip = _BEFORE[name], list(arguments), False
    for at, word in enumerate(words):
        if skip:
            skip = False
        elif name in ("su", "runuser") and word in ("-c", "--command") and words[at + 1 :]:
            return _reader(_split(words[at + 1]), looks)
        elif name == "env" and word in ("-S", "--split-string") and words[at + 1 :]:
            return _reader([*_split(words[at + 1]), *words[at + 2 :]], looks)
        elif word.startswith("-"):
            skip = word in valued
        elif not _ASSIGNMENT.fullmatch(word):
            found = _reader(words[at:], looks)
            if found or name in _ONLY_ONE:
                return found
    return "a shell" if name == "sudo" and {"-i", "-s"} & set(words) else ""


def _over_ssh(arguments: Sequence[str], looks: Iterator[int]) -> str:
    """Look at what runs on the other machine: the account's shell, or a command."""
    skip, host = False, False
    for at, word in enumerate(arguments):
        if skip:
            skip = False
        elif not host and word.startswith("-"):
            skip = word in _SSH_VALUED
            if "N" in word[1:] and not skip:
                return ""
        elif not host:
            host = True
        else:
            return _reader(_split(" ".join(arguments[at:])), looks)
    return "ssh" if host else ""


def _split(text: str) -> list[str]:
    try:
        return shlex.split(text)[:_MOST_WORDS]
    except ValueError:
        return text.split()[:_MOST_WORDS]
