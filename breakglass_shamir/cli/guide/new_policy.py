# SPDX-License-Identifier: Apache-2.0
"""A policy that people write by answering: which account, who keeps sheets, how many are needed, when it may be opened.

Rules:

1. Every number is explained by what follows from it, before it is chosen: who opens, how many sheets may be lost.
2. The text that comes out is a policy like any other: it is read, checked and kept as the file that it is. What is not
   asked here has its default, and ``policy example`` explains it.
3. The address is looked at when it is given; the target itself is asked when the credential is there.
"""

import json
import stat
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from breakglass_shamir.cli.guide.asking import Guide, Step
from breakglass_shamir.cli.guide.question import Answers, Choice, Question
from breakglass_shamir.cli.screen import paths
from breakglass_shamir.connectors.registry import connector_for
from breakglass_shamir.custody import names
from breakglass_shamir.custody.life.state import SetState
from breakglass_shamir.custody.policy import pattern
from breakglass_shamir.custody.policy import source as policies
from breakglass_shamir.custody.records.words import check_human_text
from breakglass_shamir.errors import BreakglassError, ConnectorError, InvalidInput
from breakglass_shamir.operations.policy import checking, examples

WHAT, ADDRESS, ACCOUNT, OPTIONS, SECOND = "what", "address", "account", "options", "second_account"
NAME, OWNER = "name", "belongs_to"
CUSTODIANS, THRESHOLD, CLASSES, TICKET, OFFICERS = "custodians", "threshold", "classes", "ticket", "how-many-officers"
FILE = "policy"
"""Keys of the answers."""

WORDS = {
    "ssh-key": "the passphrase of an SSH private key on this machine",
    "ssh-authorized-keys": "an SSH key pair that a server lets in",
    "ssh-ca": "an SSH certificate authority that servers trust",
    "linux": "the password of an account of this machine",
    "postgresql": "a role of a PostgreSQL server",
    "mysql": "an account of a MySQL or MariaDB server",
    "redis": "an account of a Redis or Valkey server",
    "ldap": "an entry of an LDAP directory",
    "ad": "an account of Active Directory or Samba",
    "kerberos": "a Kerberos principal",
    "openbao-userpass": "an account of OpenBao or Vault",
    "openbao-token": "a root token of OpenBao or Vault",
    "openbao-approle": "a secret id of a role of OpenBao or Vault (AppRole)",
    "openbao-keys": "the unseal or recovery keys of OpenBao or Vault",
    "aws-iam": "an access key of an AWS user",
    "ipmi": "a user of a machine's management controller (IPMI)",
    "redfish": "an account of a machine's management controller (Redfish)",
    "luks": "a passphrase of an encrypted disk (LUKS)",
    "keepass": "the master password of a KeePass database",
    "manual": "anything else: people change it, and two of them attest it",
}
"""What a credential can open, in the order in which it is listed."""

CLASSES_AT_FIRST = ("idp-outage", "mfa-outage", "network-outage")
"""The incidents that are offered."""

FEWEST, MOST, MOST_EXPLAINED = 2, 255, 9


def ask(guide: Guide, sets: Mapping[str, SetState], folder: Path) -> tuple[Path, str]:
    """Ask for a policy; returns the file it is to be kept in, and its text.

    Args:
        guide: of the ceremony.
        sets: those that are there already, whose names are taken.
        folder: where the file goes, unless people say otherwise.

    Raises:
        Stopped: people leave.
    """
    given: dict[str, str] = dict(guide.memory.recall().answers) if guide.memory is not None else {}
    while True:
        answers = guide.ask_all(_steps(sets, folder, told=_Told(guide)), given)
        source = text_of(answers)
        try:
            policies.parse_new(source, new_set=True)
        except BreakglassError as error:
            guide.terminal.failed(error)
            wrong = _keys_of(str(error))
            given = {key: said for key, said in answers.items() if key not in wrong}
            continue
        return Path(answers[FILE]), source


def _keys_of(problem: str) -> tuple[str, ...]:
    """Return the answers that a problem of the policy is about, by the table that it names."""
    for table, keys in _TABLES.items():
        if problem.startswith(table) or f"\n  {table}" in problem:
            return keys
    return (ADDRESS, ACCOUNT, OPTIONS)


def text_of(answers: Answers) -> str:
    """Return the text of the policy that the answers make."""
    custodians = answers[CUSTODIANS].split("\n")
    classes = answers[CLASSES].split("\n")
    sample = examples.sample(answers[WHAT])
    lines = [
        f"name = {_quoted(answers[NAME])}",
        *([f"belongs_to = {_quoted(answers[OWNER])}"] if answers.get(OWNER) else []),
        "",
        "[target]",
        f"uri = {_quoted(answers[ADDRESS])}",
        *([f"account = {_quoted(answers[ACCOUNT])}"] if answers.get(ACCOUNT) else []),
        *([f"second_account = {_quoted(answers[SECOND])}"] if answers.get(SECOND) else []),
        *([f"kind = {_quoted(sample.kind)}"] if sample.kind != "password" else []),
        *([f"options = {{ {_options(answers[OPTIONS])} }}"] if answers.get(OPTIONS) else []),
        "",
        "[[quorum.groups]]",
        f"threshold = {answers[THRESHOLD]}",
        f"custodians = [{', '.join(map(_quoted, custodians))}]",
        "",
        "[declaration]",
        f"classes = [{', '.join(map(_quoted, classes))}]",
        f"ticket = {_quoted(answers[TICKET])}",
        f"officers = {answers[OFFICERS]}",
    ]
    return "\n".join(lines) + "\n"


class _Told:
    """Says what a policy comes to, each time that its numbers have changed."""

    def __init__(self, guide: Guide) -> None:
        self._guide = guide
        self._last = ""

    def __call__(self, answers: Answers) -> tuple[str, ...]:
        """Return what stands before a question: what the answers so far come to."""
        try:
            found = checking.check(text_of({**_LATER, **answers}))
        except (BreakglassError, KeyError):
            return ()
        told = (
            f"opened by {found.opens_with}; {found.most_losses} may be lost, whichever they are",
            f"alone can stop it: {', '.join((*found.people_that_stop, *found.sites_that_stop)) or 'nobody'}",
            *found.warnings,
        )
        if "\n".join(told) == self._last:
            return ()
        self._last = "\n".join(told)
        return told


_TABLES = {
    "name": (NAME,),
    "belongs_to": (OWNER,),
    "quorum": (CUSTODIANS, THRESHOLD),
    "declaration": (CLASSES, TICKET, OFFICERS),
}
"""Tables of a policy, and the answers that are in them; the others are about the target."""

_LATER = {NAME: "set", CLASSES: "idp-outage", TICKET: r"\S+", OFFICERS: "2"}
"""What stands for answers that are still to come, where what is there is looked at."""


def _steps(
    sets: Mapping[str, SetState], folder: Path, told: Callable[[Answers], tuple[str, ...]]
) -> Sequence[Step]:  # fmt: skip
    return (
        lambda _: _what(),
        _address,
        lambda answers: _account(answers) if examples.sample(answers[WHAT]).account else None,
        lambda answers: _asked_options(answers) if examples.sample(answers[WHAT]).options else None,
        lambda _: _second(),
        lambda answers: _name(answers, sets),
        lambda _: _owner(),
        lambda _: _custodians(),
        _threshold,
        lambda answers: _classes(told(answers)),
        lambda _: _ticket(),
        lambda _: _officers(),
        lambda answers: _file(answers, folder),
    )


def _what() -> Question:
    choices = tuple(Choice(scheme, words) for scheme, words in WORDS.items())
    helps = ("one account for each set; the account should be used for nothing else",)
    return Question(WHAT, "Which account does the credential open?", choices=choices, helps=helps)


def _address(answers: Answers) -> Question:
    scheme = answers[WHAT]
    sample = examples.sample(scheme)

    def check(said: str) -> str:
        own = said.startswith(f"{scheme}:")
        if "://" in said and not own:
            raise InvalidInput(f"expected an address of {scheme}, got {said!r}", hint="back chooses another account")
        uri = said if own else _with_scheme(scheme, said)
        if scheme == "ssh-key" and not own and not paths.one(said).is_file():
            raise InvalidInput(paths.missing(paths.one(said)))
        if not sample.options:  # else its connector is asked when people have said its options
            _look_at(uri, sample.account, {})
        return uri

    what = "File of the private key" if scheme == "ssh-key" else "Address"
    return Question(
        ADDRESS, f"{what}, such as {_bare(scheme, sample.uri)}", check=check, paths=scheme.startswith("ssh"),
        helps=(f"the whole address is written {sample.uri}",),
    )  # fmt: skip


def _with_scheme(scheme: str, said: str) -> str:
    if scheme == "manual":
        return f"manual:{said}"
    if scheme.startswith("ssh") or scheme == "linux":
        return f"{scheme}://{paths.one(said).absolute() if scheme.startswith('ssh') else '/' + said.lstrip('/')}"
    return f"{scheme}://{said}"


def _bare(scheme: str, uri: str) -> str:
    return uri.removeprefix(f"{scheme}://").removeprefix(f"{scheme}:").lstrip("/" if scheme == "linux" else "")


def _account(answers: Answers) -> Question:
    sample = examples.sample(answers[WHAT])
    default = answers[ADDRESS].rpartition("/")[2] if answers[WHAT] == "linux" else None

    def check(said: str) -> str:
        return check_human_text("account", said)

    return Question(ACCOUNT, f"Account there, such as {sample.account}", default=default, check=check)


def _asked_options(answers: Answers) -> Question:
    scheme, account = answers[WHAT], answers.get(ACCOUNT, "")

    def check(said: str) -> str:
        _look_at(answers[ADDRESS], account, _as_table(said))
        return said

    return Question(
        OPTIONS, "Options of this connector", default="", default_shown="none", check=check,
        helps=(f"such as {examples.sample(scheme).options}; docs/targets.md has them all",),
    )  # fmt: skip


def _look_at(uri: str, account: str, options: Mapping[str, str]) -> None:
    """Refuse an address that no connector takes; one whose driver is not installed may be right."""
    with suppress(ConnectorError):
        connector_for(uri, account, dict(options))


def _as_table(said: str) -> dict[str, str]:
    table: dict[str, str] = {}
    for part in filter(None, (one.strip() for one in said.split(","))):
        key, equals, value = part.partition("=")
        if not equals or not key.strip():
            raise InvalidInput(f'expected options such as ca = "/etc/ca.pem", got {part!r}')
        table[key.strip()] = value.strip().strip("\"'")
    return table


def _options(said: str) -> str:
    return ", ".join(f"{key} = {_quoted(value)}" for key, value in _as_table(said).items())


def _second() -> Question:
    return Question(
        SECOND, "Another way in, should this credential fail", default="", default_shown="there is none",
        check=lambda said: said and check_human_text("second account", said),
        helps=("where a second account is kept, in words such as: envelope B, safe 2", "officers are told at night"),
    )  # fmt: skip


def _name(answers: Answers, sets: Mapping[str, SetState]) -> Question:
    def check(said: str) -> str:
        if not names.is_plain(said):
            raise InvalidInput(f"expected {names.ALLOWED}, got {said!r}")
        taken = sets.get(said)
        if taken is not None and taken.current:
            raise InvalidInput(f"set {said} is there already", hint="a new epoch of it is made by rotate")
        return said

    guess = examples.sample(answers[WHAT]).name
    return Question(
        NAME, f"Name of the set, such as {guess}", check=check,
        helps=("it stands on every sheet, in every record, and is typed at night: short and plain",),
    )  # fmt: skip


def _owner() -> Question:
    return Question(
        OWNER, "Whom does a found sheet go back to", default="", default_shown="nobody named",
        check=lambda said: said and check_human_text("owner", said),
        helps=("it is printed on every sheet, such as: Example Ltd, Security",),
    )  # fmt: skip


def _custodians() -> Question:
    def check(said: str) -> str:
        people = [check_human_text("custodian", name) for name in said.split("\n")]
        if unprintable := [name for name in people if not name.isprintable()]:
            raise InvalidInput(f"expected names that can be printed, got {unprintable[0]!r}")
        twice = [name for name, count in Counter(map(str.casefold, people)).items() if count > 1]
        if twice:
            raise InvalidInput(f"expected each custodian once, got {twice[0]} twice: a sheet each, and a safe each")
        if not FEWEST <= len(people) <= MOST:
            raise InvalidInput(f"expected {FEWEST} to {MOST} custodians, got {len(people)}")
        return "\n".join(people)

    return Question(
        CUSTODIANS, "Who keeps a sheet? Names or offices, with commas between them", several=True, check=check,
        helps=(
            "each keeps one sheet in a safe; no two safes should burn, flood or be locked together",
            "offices outlast people: head of IT, finance, site north",
            "groups of custodians are written in the policy file: policy example shows how",
        ),
    )  # fmt: skip


def _threshold(answers: Answers) -> Question:
    count = len(answers[CUSTODIANS].split("\n"))

    def check(said: str) -> str:
        if not said.isascii() or not said.isdigit() or not FEWEST <= int(said[:4]) <= count:
            raise InvalidInput(f"expected a number from {FEWEST} to {count}, got {said!r}")
        return str(int(said))

    listed = range(FEWEST, count + 1) if count <= MOST_EXPLAINED else (FEWEST, count // 2 + 1, count)
    return Question(
        THRESHOLD, f"How many of the {count} sheets open it", default=str(max(FEWEST, count // 2 + 1)), check=check,
        notes=tuple(f"{needed} of {count}: {_explained(needed, count)}" for needed in listed),
        helps=(
            "few: it opens quickly, and few can open it together without anybody else",
            "many: it takes many to abuse it, and it is lost when a few sheets are",
        ),
    )  # fmt: skip


def _explained(needed: int, count: int) -> str:
    lost = count - needed
    if not lost:
        return "all of them: one lost sheet ends it"
    return f"any {needed} together open it; {lost} may be lost, {needed - 1} in wrong hands open nothing"


def _classes(notes: tuple[str, ...]) -> Question:
    def check(said: str) -> str:
        return "\n".join(check_human_text("incident class", one) for one in said.split("\n"))

    return Question(
        CLASSES, "For which incidents may it be opened? Words with commas between them", several=True, check=check,
        default="\n".join(CLASSES_AT_FIRST), default_shown=", ".join(CLASSES_AT_FIRST), notes=notes,
        helps=("one of these words is chosen at each opening, and recorded",),
    )  # fmt: skip


def _ticket() -> Question:
    def check(said: str) -> str:
        if problem := pattern.unusable(said):
            raise InvalidInput(problem)
        return said

    return Question(
        TICKET, "What does a ticket look like", check=check, default=r"\S+", default_shown="any word",
        helps=("a regular expression that the whole ticket must match, such as INC-[0-9]{4,}",),
    )  # fmt: skip


def _officers() -> Question:
    def check(said: str) -> str:
        if not said.isascii() or not said.isdigit() or not 1 <= int(said[:4]) <= 20:
            raise InvalidInput(f"expected a number from 1 to 20, got {said!r}")
        return str(int(said))

    return Question(
        OFFICERS, "How many officers must take part", check=check, default="2",
        helps=("they stand at the terminal, are named in the record, and see what the others do",),
    )  # fmt: skip


def _file(answers: Answers, folder: Path) -> Question:
    def check(said: str) -> str:
        path = paths.one(said)
        if path.exists() and not is_written(path, text_of(answers)):
            raise InvalidInput(f"expected a new file, there is one at {path}")
        if not path.absolute().parent.is_dir():
            raise InvalidInput(f"expected a folder at {path.absolute().parent}, found none")
        return str(path)

    return Question(
        FILE, "File for the policy", check=check, paths=True,
        default=str(names.inside(folder, names.policy_file(answers[NAME]))),
        helps=("it can be read and changed with any editor; policy check says what a change means",),
    )  # fmt: skip


def is_written(path: Path, source: str) -> bool:
    """Tell whether a file holds just this text: it was written before, and people were interrupted then."""
    try:
        status = path.lstat()
        data = source.encode()
        return stat.S_ISREG(status.st_mode) and status.st_size == len(data) and path.read_bytes() == data
    except OSError:
        return False


def _quoted(text: str) -> str:
    """Return a text as TOML writes it."""
    return json.dumps(text, ensure_ascii=False)
