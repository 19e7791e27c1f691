# SPDX-License-Identifier: Apache-2.0
"""Split: the first epoch of a set, from policy and credential to sheets.

Rules:

1. The credential is proven by the connector first; one the target refuses is not printed. A target that
   cannot be asked leaves the epoch ``unproven``.
2. The record comes after the sheets were put out; when it cannot be made durable, files are removed, and of
   paper that came out people are told.
3. A passkey can be made by people at the target's page first. It is on record before anything else is done with it:
   whatever comes between leaves it owed.
4. Where one is generated for an account that is there, the target is asked before anything is printed what stands
   against the change.
5. Without a readback the epoch stays *issued* until ``confirm``.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from breakglass_shamir.connectors.port.answers import CheckResult
from breakglass_shamir.connectors.port.base import Connector
from breakglass_shamir.crypto.totp import COMMON, TotpScheme
from breakglass_shamir.custody.credential import CredentialKind
from breakglass_shamir.custody.life.state import EpochState
from breakglass_shamir.custody.policy import source as policies
from breakglass_shamir.custody.policy.tables import Policy
from breakglass_shamir.custody.records.epochs import Proven
from breakglass_shamir.custody.records.ledger import PolicyAdopted
from breakglass_shamir.custody.records.rotations import Abandoned
from breakglass_shamir.errors import BreakglassError, ConnectorError, FileExists, InvalidInput
from breakglass_shamir.formats.envelope import NO_PREDECESSOR
from breakglass_shamir.hygiene import Secret
from breakglass_shamir.operations import exact, targets
from breakglass_shamir.operations.arming import keeping, second
from breakglass_shamir.operations.printing import outlet, sheets
from breakglass_shamir.operations.printing.outlet import Printed, check_printer
from breakglass_shamir.operations.printing.readback import read_back_by_people, read_back_folder, wait_for_custodians
from breakglass_shamir.operations.printing.sheets import Epoch, Printing, handed_over, print_epoch, seal_epoch
from breakglass_shamir.operations.recorder import Recorder, warn_of_memory
from breakglass_shamir.operations.rotation.fitting import Source, next_credential
from breakglass_shamir.operations.rotation.making import note_endings
from breakglass_shamir.operations.rotation.probing import Living, Prober, find_living
from breakglass_shamir.paper.reading.scan import Scanner


@dataclass(frozen=True, slots=True)
class SplitResult:
    """What a split made (docs/json.md).

    Attributes:
        set_name: the set.
        epoch: number of the new epoch.
        epoch_id: as people see it, ``ABCD-EFGH-JKMN``.
        files: the sheets and drill cards; empty where a printer took them.
        proven: ``accepted`` by the target, or ``unproven``.
        sealed: whether every sheet was read back.
    """

    set_name: str
    epoch: int
    epoch_id: str
    files: tuple[Path, ...]
    proven: str
    sealed: bool
    printer: str = ""
    """The printer that took the sheets; empty where they are files."""


@dataclass(frozen=True, slots=True)
class Begun:
    """A sealed epoch that is not on paper yet."""

    policy: Policy
    epoch: Epoch = field(repr=False)
    proven: str
    """What the target said of the credential: ``accepted`` or ``unproven``."""

    secret: Secret = field(repr=False)
    replaces: Secret | None = field(default=None, repr=False)
    """What the target takes now, where a generated credential is to be put in its place."""

    public_id: str = ""
    """What the target calls the credential, where it may have made it."""


def split(
    recorder: Recorder,
    source: str,
    secret: Secret | None,
    printing: Printing,
    scanner: Scanner,
    *,
    current: Secret | None = None,
    kind: str | None = None,
    totp_seed: Secret | None = None,
    totp_scheme: TotpScheme = COMMON,
    enrol: bool = False,
) -> SplitResult:
    """Put a credential on paper.

    Args:
        recorder: of the ledger.
        source: the policy file's text.
        secret: the credential; None: one is generated, and the target is changed to it.
        printing: where the sheets go.
        scanner: reads them back.
        current: what opens the target now, when one is generated.
        kind: what the secret bytes are; None: as the policy says.
        totp_seed: seed of the account's second factor, which rides along.
        totp_scheme: how one-time codes are made from it.
        enrol: whether people make the credential at the target now.

    Raises:
        InvalidPolicy: the policy file does not describe a set.
        GateClosed: somebody else could change the home.
        InvalidInput: a key pair that ssh-keygen cannot read with these bytes.
        FileExists: the set, or one of the files, is there already.
        ConnectorError: the target refuses this credential, or could not be changed.
        PaperError: a file could not be written or does not read back, or nobody confirmed in time.
        LedgerUnwritable: the record could not be made durable; the files were removed.
    """
    begun = begin(
        recorder, source, secret, printing, current=current, kind=kind, totp_seed=totp_seed, totp_scheme=totp_scheme,
        enrol=enrol,
    )  # fmt: skip
    printed = print_epoch(begun.epoch, printing, scanner, recorder.desk)
    return finish(recorder, begun, printed, printing, scanner)


def begin(
    recorder: Recorder,
    source: str,
    secret: Secret | None,
    printing: Printing,
    *,
    current: Secret | None = None,
    kind: str | None = None,
    totp_seed: Secret | None = None,
    totp_scheme: TotpScheme = COMMON,
    enrol: bool = False,
) -> Begun:
    """Prove and seal a credential; nothing is printed yet.

    What it takes and raises is that of :func:`split`.
    """
    recorder.require_guarded()
    warn_of_memory(recorder.desk, recorder.ledger.path.parent)
    policy = policies.parse_new(source)
    if policy.name not in recorder.state.sets:
        policies.check_new(policy)
    check_printer(printing.printer)
    recorder.set_name = policy.name
    second.require(policy, recorder.state)
    _refuse_existing(recorder)
    what = targets.kind_of(policy, kind)
    if enrol:
        secret = _enrolled(recorder, policy, source, printing)
    in_force = secret or current
    if in_force is None:
        raise InvalidInput("expected the current credential, so that the target can be changed to a generated one")
    if secret is None and targets.connector_of(policy).by_people:
        raise InvalidInput(
            "people change this target, so no credential is generated for it",
            hint="set the new one at the target, then split it with --credential-from",
        )
    for one in (secret, current):
        if one is not None:
            exact.require_readable(one, what)
    if what is CredentialKind.PASSKEY:
        in_force = exact.passkey_of(in_force, policy.target)
        secret, current = (in_force, None) if secret is not None else (None, in_force)
    proven = prove(recorder, policy, in_force)
    _require_wanted(recorder, policy, proven)
    if _epochs(recorder) and proven != "accepted":
        raise FileExists(
            f"set {policy.name} is in this ledger already, and this credential could not be proven to be another one",
            hint="let the target be reached, or open it with its sheets",
        )
    _replace_unproven(recorder)
    if secret is None:
        assert current is not None  # noqa: S101 - one of the two is in force
        secret, proven = _fitting(recorder, policy, current, source), "unproven"
    number = 1 + max((epoch.number for epoch in _epochs(recorder)), default=0)
    credential = targets.describe(policy, secret, kind=kind, totp_seed=totp_seed, totp_scheme=totp_scheme)
    epoch = seal_epoch(policy, source, credential, recorder.ledger.checkpoint(), number, NO_PREDECESSOR)
    return Begun(policy, epoch, proven, secret, current if in_force is current else None, credential.public_id)


def finish(recorder: Recorder, begun: Begun, printed: Printed, printing: Printing, scanner: Scanner) -> SplitResult:
    """Record an epoch whose sheets are out, and have them read back.

    Raises:
        ConnectorError, PaperError, LedgerUnwritable: as :func:`split`.
    """
    policy, epoch = begun.policy, begun.epoch
    recorder.set_name = policy.name
    _record(recorder, epoch, begun.proven, printed)
    note_endings(recorder, targets.connector_of(policy, recorder), begun.secret, _id(epoch))
    if begun.public_id and begun.replaces is None:
        recorder.on_sheets(policy.target.uri, begun.public_id, _id(epoch))
    recorder.desk.say(printed.where)
    printed = handed_over(printing, printed)
    if begun.replaces is not None:
        _put_in_force(recorder, policy, begun, begun.replaces, printing, scanner, printed)
    else:
        read_back_folder(recorder, _id(epoch), printing, scanner, printed)
    if policy.arming is not None:
        keeping.close_first(recorder, policy)
    state = recorder.set_state.current_epoch
    word = "accepted" if state.proven else "unproven"
    return SplitResult(policy.name, epoch.number, state.short_id, printed.files, word, state.sealed, printing.printer)


def _enrolled(recorder: Recorder, policy: Policy, source: str, printing: Printing) -> Secret:
    """Let people make the credential at the target.

    Raises:
        InvalidInput: this target makes none that way.
        FileExists, PaperError: the sheets could not be written; nothing was made.
        ConnectorError: none was made.
    """
    number = 1 + max((epoch.number for epoch in _epochs(recorder)), default=0)
    names = sheets.file_names(policy, number)
    outlet.check_folders(printing.out, printing.readback, names, 2 * policy.structure.sheets)
    connector = targets.connector_of(policy, recorder)
    connector.on_made = _noting_made(recorder, policy, source)
    return connector.enrol()


def _noting_made(recorder: Recorder, policy: Policy, source: str) -> Callable[[str], None]:
    """Record what the target makes, and the policy of its set first, where the ledger does not have that."""

    def note(public_id: str) -> None:
        if recorder.set_name not in recorder.state.sets:
            recorder.append(PolicyAdopted(source=source, digest=policies.digest(source).hex()))
        recorder.made(policy.target.uri, public_id)

    return note


def _fitting(recorder: Recorder, policy: Policy, current: Secret, source: str) -> Secret:
    """Draw a credential that the target is not known to refuse, before anything is printed.

    Raises:
        ConnectorError: the target will refuse the change, or takes none before some instant.
    """
    desk, connector = recorder.desk, targets.connector_of(policy, recorder)
    connector.on_made = _noting_made(recorder, policy, source)
    asked = Source(connector, policy.rotation.generator, desk.say, lambda _until, _why: None)
    return next_credential(asked, targets.describe(policy, current)).presented


def _epochs(recorder: Recorder) -> Sequence[EpochState]:
    known = recorder.state.sets.get(recorder.set_name)
    return tuple(known.epochs.values()) if known else ()


def _put_in_force(
    recorder: Recorder, policy: Policy, begun: Begun, current: Secret, printing: Printing, scanner: Scanner,
    printed: Printed,
) -> None:  # fmt: skip
    """Change the target to a generated credential, once its sheets are in their custodians' hands.

    Raises:
        PaperError: nobody confirmed in time; the target is unchanged and the epoch abandoned.
        ConnectorError: the target could not be changed.
    """
    epoch_id = recorder.set_state.current
    connector = targets.connector_of(policy, recorder)
    try:
        read_back_folder(recorder, epoch_id, printing, scanner, printed)
        read_back_by_people(recorder, epoch_id, scanner)
        wait_for_custodians(recorder, epoch_id, printing.acknowledged, printing.timeout_s)
    except BaseException:
        recorder.append(Abandoned(epoch_id=epoch_id, reason="never applied"))
        if begun.public_id:
            recorder.desk.warn(f"these sheets count no more: destroy them, and remove {begun.public_id} at the target")
        else:
            recorder.desk.warn("the target is unchanged; these sheets open nothing: destroy them")
        raise
    if begun.public_id:
        recorder.on_sheets(policy.target.uri, begun.public_id, epoch_id)
    prober, new = Prober(), begun.secret
    prober.learn(connector, current)
    try:
        connector.rotate(current, new)
    except ConnectorError as error:
        _after_failure(recorder, connector, current, new, error, prober)
    check = prober.ask(connector, new, sure=True)
    recorder.append(Proven(epoch_id=epoch_id, result=check.result, detail=check.detail))


def _after_failure(
    recorder: Recorder, connector: Connector, current: Secret, new: Secret, error: ConnectorError, prober: Prober
) -> None:
    """Find out which credential lives: the new one first, then the current one.

    The epoch is abandoned only when its credential is refused; an unclear answer leaves it as it is.

    Raises:
        ConnectorError: the new one does not live, or that is not clear.
    """
    found = find_living(prober, connector, new, current)
    if found.living is Living.NEW:
        if connector.side_by_side and prober.ask(connector, current).result is not CheckResult.REFUSED:
            recorder.desk.warn(f"the one that was in force may be so still: end it at the target ({error})")
        return
    if found.living is Living.OLD and found.new_refused:
        recorder.append(Abandoned(epoch_id=recorder.set_state.current, reason="the target was not changed"))
        raise ConnectorError(
            f"the target was not changed: {error}", hint="the current credential still works; destroy the new sheets"
        ) from error
    raise ConnectorError(
        f"it is not clear whether the target was changed: {error}",
        hint="keep the sheets and the current credential, and look at the target",
    ) from error


def _require_wanted(recorder: Recorder, policy: Policy, proven: str) -> None:
    """Ask whether a credential that its target has not accepted goes onto paper all the same.

    Raises:
        ConnectorError: people are there and do not want it; nothing was printed.
    """
    asks = recorder.desk.can_ask() and proven != "accepted" and not targets.connector_of(policy).by_people
    if asks and not recorder.desk.agrees("Nobody knows whether it opens anything. Print it all the same?"):
        raise ConnectorError(
            "the credential could not be proven, and nothing was printed",
            hint="mend what keeps the target from being asked, or give the right credential",
        )


def prove(recorder: Recorder, policy: Policy, secret: Secret) -> str:
    """Ask the target; returns ``accepted`` or ``unproven``.

    Raises:
        ConnectorError: the target refuses this credential, or can take none whatever it is.
    """
    try:
        check = targets.connector_of(policy, recorder).check(secret)
    except ConnectorError as error:
        if error.rejected:
            raise
        recorder.desk.warn(f"the credential could not be proven: {error}")
        return "unproven"
    if check.result is CheckResult.REFUSED:
        raise ConnectorError(
            f"the target refuses this credential: {check.detail}",
            hint="nothing was printed; give the right one",
        )
    if check.result is CheckResult.UNKNOWN:
        recorder.desk.warn(f"the credential could not be proven: {check.detail}")
        return "unproven"
    return "accepted"


def _refuse_existing(recorder: Recorder) -> None:
    """Refuse a set that is in the ledger, unless an interrupted split left it without a credential that ever worked.

    Raises:
        FileExists: a new epoch is a rotation's work.
    """
    known = recorder.state.sets.get(recorder.set_name)
    if known is None or not known.current:
        return
    if known.retired:
        raise FileExists(f"set {recorder.set_name} was retired in this ledger", hint="give the new set another name")
    epoch = known.current_epoch
    if epoch.proven or epoch.recovered or epoch.told_by or known.opening or known.past:
        raise FileExists(
            f"set {recorder.set_name} is in this ledger already",
            hint="a new epoch of it is made by: breakglass rotate",
        )


def _replace_unproven(recorder: Recorder) -> None:
    """Abandon an epoch whose credential never worked, now that another one is proven to."""
    known = recorder.state.sets.get(recorder.set_name)
    if known is not None and known.current:
        number = known.current_epoch.number
        recorder.append(Abandoned(epoch_id=known.current, reason="never proven; another credential is"))
        recorder.desk.warn(f"epoch {number} never worked and is abandoned: destroy its sheets")


def _record(recorder: Recorder, epoch: Epoch, proven: str, printed: Printed) -> None:
    try:
        digest = policies.digest(epoch.source).hex()
        recorder.append(PolicyAdopted(source=epoch.source, digest=digest))
        recorder.append(epoch.record(proven))
    except BreakglassError:
        printed.withdraw(recorder.desk)
        raise


def _id(epoch: Epoch) -> str:
    return epoch.live.envelope.core.epoch_id.hex()
