# SPDX-License-Identifier: Apache-2.0
"""An example for each command, shown at the end of its ``--help`` and in its manual page. A test runs every one.

They speak of the set ``recovery-key`` with the custodians North, South and East, as the documents do.
"""

import click

_DECLARED = (
    "--class idp-outage --ticket INC-4711",
    '--reason "nobody can log in" --officer Olga --officer Oskar',
)

EXAMPLES: dict[str, tuple[str, ...]] = {
    "init": ('init --terminal "office terminal"',),
    "policy example": ("policy example postgresql",),
    "policy check": ("policy check policy.toml",),
    "policy resolve": ("policy resolve policy.toml",),
    "policy schema": ("policy schema",),
    "policy adopt": ("policy adopt policy.toml",),
    "split": ("split policy.toml --credential-from secret --out sheets",),
    "confirm": ("confirm recovery-key scans",),
    "ack": ("ack recovery-key South --bag B-1002",),
    "reassign": ('reassign recovery-key South --to "site manager" --reason "left the company"',),
    "void": ('void recovery-key South --reason "left on a train"',),
    "recombine": ("recombine recovery-key", *_DECLARED, "--scan scans --no-reveal"),
    "sign": ("sign recovery-key --out declaration",),
    "close": ("close recovery-key --as emergency",),
    "cancel": ('cancel recovery-key --reason "it works again"',),
    "rotate": ("rotate recovery-key --scan scans", "--out new --readback new-scans --ack 1 --ack 2"),
    "review": ("review 2fbf75b5", '--verdict "as declared" --reason "the log shows one restore" --sign id_rosa'),
    "settle": ("settle recovery-key ticket-5", '--officer Otto --reason "it was down"'),
    "lineage export": ("lineage export recovery-key --out lineage.json",),
    "lineage import": ("lineage import lineage.json",),
    "lineage show": ("lineage show recovery-key",),
    "drill roll-call": ("drill roll-call recovery-key South --bag B-1002",),
    "drill rehearsal": ("drill rehearsal recovery-key", *_DECLARED, "--scan cards"),
    "drill access": (
        "drill access recovery-key", *_DECLARED, "--scan scans --out new --readback new-scans --ack 1 --ack 2",
    ),
    "drill load": ("drill load load.toml --terminals 1 --rehearsals 2",),
    "protocol": ('protocol rotate recovery-key --out protocol.pdf --at "2026-12-01 09:00"',),
    "destroyed": ("destroyed recovery-key 2 --epoch 1 --witness Olga --witness Oskar",),
    "note": ('note recovery-key "the printer jammed at sheet 2" --by Olga',),
    "enrol export": ("enrol export recovery-key --out recovery-key.json",),
    "enrol fingerprint": ("enrol fingerprint recovery-key.json",),
    "enrol import": ('enrol import recovery-key.json --fingerprint "C2XX 7434 14XW 5BD6 Z13E E36S B"',),
    "sync": ("sync --to postgresql:///?service=collection --collector collector.key.pub",),
    "collect init": ("collect init --print",),
    "collect key": ("collect key --out collector.key --name collector.example/one",),
    "collect enrol": ('collect enrol "ssh-ed25519 AAAAC3Nza..." --to postgresql:///?service=collection',),
    "collect run": ("collect run --to postgresql:///?service=collection --key collector.key --once",),
    "collect terminals": ("collect terminals --from postgresql:///?service=collection --collector collector.key.pub",),
    "collect evidence": ("collect evidence --from postgresql:///?service=collection --csv",),
    "witness pin": ("witness pin witnesses.policy",),
    "witness submit": ("witness submit",),
    "witness list": ("witness list",),
    "arming show": ("arming show prod-db",),
    "arming arm": ("arming arm prod-db --for 1h",),
    "arming close": ("arming close prod-db",),
    "arming request": ("arming request prod-db --for 2h --out prod-db.request",),
    "arming approve": ("arming approve prod-db prod-db.request.sig",),
    "retire": ("retire recovery-key --scan scans", '--reason "the account is moved" --officer Olga --officer Oskar'),
    "status": ("status",),
    "heartbeat": ("heartbeat --every 1d",),
    "watch": ("watch recovery-key --once",),
    "probe": ("probe recovery-key",),
    "alerts list": ("alerts list",),
    "alerts flush": ("alerts flush",),
    "alerts test": ("alerts test siem",),
    "alerts rules": ("alerts rules --format prometheus",),
    "audit list": ("audit list --set recovery-key",),
    "audit show": ("audit show 2",),
    "audit verify": ("audit verify",),
    "audit openings": ("audit openings --since 2026-01-01 --csv",),
    "audit drills": ("audit drills --set recovery-key",),
    "audit debts": ("audit debts --csv",),
    "audit holders": ("audit holders --past",),
    "audit bundle": ("audit bundle --out ledger.bundle",),
    "audit receipt": ("audit receipt 2 --out record-2.tlog-proof",),
    "audit export": ("audit export all --out exported",),
    "audit import": ("audit import usage.json",),
    "audit report": ("audit report --out report.html",),
    "kit": ("kit --out kit",),
    "demo": ("demo --keep demo",),
    "completion": ("completion bash",),
    "man": ("man --out man",),
}  # fmt: skip
"""Command to the lines of one example, without the program's name; further lines continue the first."""


def shown(path: str) -> str:
    """Return the epilog of a command; empty where it has no example."""
    lines = EXAMPLES.get(path)
    if not lines:
        return ""
    first, *more = [f"breakglass {lines[0]}", *lines[1:]]
    return "\b\nExample:\n  " + " \\\n    ".join([first, *more])


def teach(command: click.Command, path: str) -> None:
    """Let a command, and those below it, show their examples."""
    if isinstance(command, click.Group):
        for name, below in command.commands.items():
            teach(below, f"{path} {name}")
    command.epilog = shown(path) or command.epilog
