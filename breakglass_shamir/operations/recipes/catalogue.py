# SPDX-License-Identifier: Apache-2.0
"""The recipes: which programs are given the credential the way they take one, and which fits a target.

Rules:

1. A recipe is named after its program: ``--exec recipe:psql ARGUMENTS...``. The arguments are the person's own.
2. The secret is never in an argument or the environment, never on a terminal, and never on the standard input that
   the person types at.
3. An argument that would have the program ask for a password, or that names another one, is refused by name, before
   anything is opened.
4. What a target's URI says fills in an example. Nothing is chosen by it: people give the arguments.

How each is done: ``passfile``, ``agent``, ``ticket``, ``typed``, ``lent``.
"""

import itertools
import re
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from urllib.parse import SplitResult, unquote, urlsplit

from breakglass_shamir.errors import InvalidInput

PREFIX = "recipe:"
"""What stands before a recipe's name in the place of a command."""

_PLACEHOLDER = re.compile(r"\b(ACCOUNT|HOST|KEYFILE|FILE|BIND-DN|BASE|FILTER|PAGE)\b")
_LDAP = ("ldapsearch", "ldapmodify", "ldapadd", "ldapdelete", "ldapmodrdn", "ldapcompare", "ldappasswd", "ldapexop",
         "ldapwhoami")  # fmt: skip


@dataclass(frozen=True, slots=True)
class Recipe:
    """One program that is given the credential in the way that it takes one.

    Attributes:
        name: the recipe's, which is the program's.
        way: how it is given: ``passfile``, ``defaults``, ``bind``, ``agent``, ``ticket``, ``typed``, ``certificate`` or
            ``browser``.
        words: what it does, in one line.
        example: arguments as they may be, with what is known of the target filled in.
    """

    name: str
    way: str
    words: str
    example: tuple[str, ...] = ()

    @property
    def is_complete(self) -> bool:
        """Whether the example says all, and nothing in it stands for what is not known."""
        return bool(self.example) and not any(_PLACEHOLDER.search(word) for word in self.example)

    @property
    def command(self) -> str:
        """What is typed after ``--exec``."""
        return PREFIX + self.name


def _all() -> tuple[Recipe, ...]:
    def several(names: Sequence[str], way: str, words: str) -> list[Recipe]:
        return [Recipe(name, way, words) for name in names]

    return (
        *several(["psql", "pg_dump", "pg_dumpall", "pg_restore"], "passfile",
                 "the password in a file in memory; the keyboard is yours"),
        *several(["mysql", "mariadb", "mysqldump", "mariadb-dump", "mysqladmin"], "defaults",
                 "the password in an option file in memory; the keyboard is yours"),
        *several(["ssh", "sftp", "scp"], "agent",
                 "the key in an agent of its own; the keyboard is yours"),
        Recipe("kinit", "ticket", "a ticket; with -- COMMAND for that command alone"),
        *several(_LDAP, "bind", "binds with the password in memory; the keyboard is yours"),
        Recipe("curl", "certificate",
               "the key and its certificate in files in memory; the keyboard is yours"),
        Recipe("su", "typed",
               "the password is typed once; then the keyboard is yours"),
        Recipe("chromium", "browser",
               "the passkey, lent to a browser of its own; the browser is yours"),
    )  # fmt: skip


RECIPES: dict[str, Recipe] = {one.name: one for one in _all()}
"""Every recipe, by name."""

_BY_SCHEME = {
    "postgresql": ("psql", "pg_dump", "pg_restore"),
    "mysql": ("mysql", "mariadb", "mysqldump"),
    "ssh-key": ("ssh", "sftp", "scp"),
    "x509-postgresql": ("psql", "pg_dump", "pg_restore"),
    "x509-https": ("curl",),
    "ldap": ("ldapwhoami", "ldapsearch", "ldapmodify"),
    "ldaps": ("ldapwhoami", "ldapsearch", "ldapmodify"),
    "ad": ("kinit", "ldapsearch", "ldapmodify"),
    "kerberos": ("kinit",),
    "linux": ("su",),
    "passkey": ("chromium",),
}
"""Which recipes are named first, by the target's scheme."""

_COMMON = ("psql", "mysql", "ssh", "kinit", "ldapsearch", "su")
"""Which are named where the target says nothing of it."""

_IN_CONNECTION = re.compile(r"\bpass(?:word|file)=")
_OF_DEFAULTS = ("-p", "--password", "--defaults-", "--no-defaults", "--login-path", "--print-defaults")
_OF_AGENT = ("-IdentityAgent=", "-oIdentityAgent=", "-OIdentityAgent=", "IdentityAgent=")
_OF_BIND = tuple(f"{front}{letter}" for front in ("-", "-x") for letter in "wWy")

_ASKS: dict[str, Callable[[str], bool]] = {
    "passfile": lambda word: word == "--password" or _is_short(word, "W") or bool(_IN_CONNECTION.search(word)),
    "defaults": lambda word: word.startswith(_OF_DEFAULTS),
    "bind": lambda word: word.startswith(_OF_BIND),
    "agent": lambda word: word.startswith(_OF_AGENT),
    "ticket": lambda word: word in ("-k", "-t", "-n") or word.startswith(("--keytab", "--password-file")),
    "certificate": lambda word: word in ("-E", "--cert", "--key", "--pass") or word.startswith(("--cert=", "--key=")),
    "typed": lambda word: word in ("--pty", "-P"),
    "browser": lambda word: word.startswith("-") and word != "--no-sandbox",
}
"""Arguments that take the password from elsewhere, or would ask for it."""


def recipes_for(target: str, account: str = "") -> list[Recipe]:
    """Return the recipes that fit a target, the likeliest first, with an example of their arguments.

    Args:
        target: its URI; empty, or one of another kind, gives one recipe of each sort, without what is not known.
        account: the account there; empty: not known.
    """
    try:
        url = urlsplit(target)
    except ValueError:
        url = urlsplit("")
    names = _BY_SCHEME.get(url.scheme)
    known = url if names else urlsplit("")
    return [_filled(RECIPES[name], known, account) for name in names or _COMMON]


def named_for(target: str) -> list[str]:
    """Return what is typed for the recipes of a target; empty where no recipe is for its kind."""
    return [PREFIX + name for name in _BY_SCHEME.get(target.partition(":")[0], ())]


def _filled(recipe: Recipe, url: SplitResult, account: str) -> Recipe:
    return Recipe(recipe.name, recipe.way, recipe.words, tuple(_EXAMPLES[recipe.way](recipe.name, url, account)))


def _server(url: SplitResult) -> tuple[str, str]:
    try:
        return url.hostname or "", str(url.port or "")
    except ValueError:
        return "", ""


def _of_postgresql(name: str, url: SplitResult, account: str) -> list[str]:
    host, port = _server(url)
    database = unquote(url.path.strip("/")) or "postgres"
    place = [*(["-h", host] if host or not url.scheme else []), *(["-p", port] if port else [])]
    return [*place, "-U", account or "ACCOUNT", *([] if name == "pg_dumpall" else [database])]


def _of_mysql(_name: str, url: SplitResult, account: str) -> list[str]:
    host, port = _server(url)
    return [*(["-h", host] if host else []), *(["-P", port] if port else []), "-u", account or "ACCOUNT"]


def _of_directory(name: str, url: SplitResult, account: str) -> list[str]:
    host, port = _server(url)
    scheme = "ldaps" if url.scheme == "ldaps" else "ldap"
    place = f"{scheme}://{host or 'HOST'}{f':{port}' if port else ''}"
    tls = [] if url.scheme == "ldaps" else ["-ZZ"]
    search = ["-b", "BASE", "FILTER"] if name == "ldapsearch" else []
    return ["-H", place, *tls, "-D", account or "BIND-DN", *search]


def _of_ssh(name: str, url: SplitResult, account: str) -> list[str]:
    there = f"{account or 'ACCOUNT'}@HOST"
    key = unquote(url.path) if url.scheme == "ssh-key" and url.path else "KEYFILE"
    return ["-i", key, *(["FILE", f"{there}:"] if name == "scp" else [there])]


def _of_kerberos(_name: str, url: SplitResult, account: str) -> list[str]:
    realm = unquote(url.path.strip("/")) if url.scheme == "kerberos" else ""
    name = account or "ACCOUNT"
    return [name if "@" in name or not realm else f"{name}@{realm}"]


def _of_linux(_name: str, url: SplitResult, account: str) -> list[str]:
    return ["-", account or unquote(url.path.strip("/")) or "ACCOUNT"]


def _of_page(_name: str, url: SplitResult, _account: str) -> list[str]:
    host, port = _server(url)
    return [f"https://{host or 'HOST'}{f':{port}' if port else ''}{url.path or '/'}"]


def _of_browser(_name: str, url: SplitResult, _account: str) -> list[str]:
    return [url.path if url.scheme == "passkey" and url.path else "PAGE"]


_EXAMPLES: dict[str, Callable[[str, SplitResult, str], list[str]]] = {
    "passfile": _of_postgresql,
    "defaults": _of_mysql,
    "bind": _of_directory,
    "agent": _of_ssh,
    "ticket": _of_kerberos,
    "typed": _of_linux,
    "certificate": _of_page,
    "browser": _of_browser,
}


def is_recipe(command: Sequence[str]) -> bool:
    """Tell whether a command names a recipe."""
    return bool(command) and command[0].startswith(PREFIX)


def shows_pages(command: Sequence[str]) -> bool:
    """Tell whether a command is a recipe whose program shows pages, in a window of its own."""
    recipe = RECIPES.get(command[0].removeprefix(PREFIX)) if is_recipe(command) else None
    return recipe is not None and recipe.way == "browser"


def find(command: Sequence[str]) -> tuple[Recipe, str]:
    """Return the recipe that a command names, and its program's path.

    Raises:
        InvalidInput: there is no such recipe, its program is not here, or an argument stands in its way.
    """
    name = command[0].removeprefix(PREFIX)
    recipe = RECIPES.get(name)
    if recipe is None:
        near = get_close_matches(name, RECIPES, n=1)
        raise InvalidInput(
            f"expected a recipe, found none named {name!r}",
            hint=f"did you mean {PREFIX}{near[0]}?" if near else f"there are: {', '.join(RECIPES)}",
        )
    program = None if recipe.way == "browser" else shutil.which(name)
    if program is None and recipe.way != "browser":
        raise InvalidInput(f"the recipe {name} needs the program {name}, and it is not installed here")
    own, behind = parts(command[1:]) if recipe.way == "ticket" else (list(command[1:]), [])
    wrong = next((word for word in own if _ASKS[recipe.way](word)), None)
    if wrong is not None:
        raise InvalidInput(
            f"the recipe {name} brings the credential itself: expected no argument {_named(wrong)}", hint="leave it out"
        )
    if behind and shutil.which(behind[0]) is None:
        raise InvalidInput(f"expected a command after --, found no program named {behind[0]!r}")
    if program is None:
        # Imported here: needed for pages alone.
        from breakglass_shamir.operations.recipes import pages

        return recipe, pages.find(own)
    keys = key_files(own) if recipe.way == "agent" else []
    if keys and not any(Path(key).expanduser().is_file() for key in keys):
        raise InvalidInput(f"expected a key file after -i, found none at {keys[0]}")
    return recipe, program


def parts(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return a program's own arguments, and the command after ``--``."""
    words = list(arguments)
    at = words.index("--") if "--" in words else len(words)
    return words[:at], words[at + 1 :]


def key_files(arguments: Sequence[str]) -> list[str]:
    """Return the files after ``-i``."""
    found = [word[len("-i") :] for word in arguments if word.startswith("-i") and word != "-i"]
    return found + [after for word, after in itertools.pairwise(arguments) if word == "-i"]


def _is_short(word: str, last: str) -> bool:
    """Tell whether a word is one-letter options, the last of which is this one."""
    letters = word[1:]
    return word[:1] == "-" and letters[-1:] == last and letters.isascii() and letters.isalpha()


def _named(argument: str) -> str:
    """Return which argument it is, without a value that may be a password."""
    return argument[: len("-p")] if re.match("-[^-oO]", argument) else argument.partition("=")[0]
