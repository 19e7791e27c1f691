# SPDX-License-Identifier: Apache-2.0
"""Where a credential goes: what the adopted policy says, or what people name themselves.

Rules:

1. An adopted policy names the target, and nobody else does.
2. Without one nothing that a sheet says chooses where the credential goes. People type the target's URI at the
   terminal, beside what the sheets say, or give it by option. Where the two differ that is said, and at a terminal
   it is typed a second time.
3. The account is typed, taken over with Enter, or given by option; without a terminal and an option it is the one on
   the sheets, held to what an account may be.
4. What was named is on record before anything is asked there.
5. Nobody need name one: then people change the target, and attest it.

It opens nothing and asks no target.
"""

from dataclasses import dataclass, field

from breakglass_shamir.connectors.port.base import Connector
from breakglass_shamir.custody.credential import Credential
from breakglass_shamir.custody.life.custody_rules import policy_in_force
from breakglass_shamir.custody.life.state import SetState
from breakglass_shamir.custody.policy import source as policies
from breakglass_shamir.custody.policy.tables import Policy
from breakglass_shamir.custody.records.rotations import TargetNamed
from breakglass_shamir.custody.records.words import is_clean
from breakglass_shamir.errors import BreakglassError, InvalidInput
from breakglass_shamir.operations.recorder import Recorder
from breakglass_shamir.operations.targets import Named, named_connector

NOBODY_NAMED = Named()
"""No option named a target."""

MOST_ANSWERS = 20
"""Answers after which people are not asked again in this run; a desk of another program may give the same for ever."""

_OTHER = "this is not what the sheets say; type it once more to go on with it"


def check(state: SetState | None, named: Named) -> Connector | None:
    """Hold a target that was given by option against the set, before anything is declared.

    Returns:
        Its connector, where no policy names another; not yet one to be asked. None where none was given.

    Raises:
        InvalidInput: the policy in force names another, or no connector takes this one.
        IllegalState: it names a program.
        ConnectorError: its connector could not be loaded.
    """
    if not named.uri:
        if named.account:
            raise InvalidInput("expected --target with --account, got none")
        return None
    if state is not None and state.policy_source:
        target = policies.parse(state.policy_source).target
        if (named.uri, named.account or target.account) != (target.uri, target.account):
            raise InvalidInput(
                f"the policy of {state.name} names its target: expected no --target and no --account",
                hint="leave them out; another target takes another policy",
            )
        return None
    return named_connector(named, account_follows=True)


def is_open(recorder: Recorder, named: Named) -> bool:
    """Tell whether the target of a set is still to be named by people: there is no policy, and no option."""
    state = recorder.state.sets.get(recorder.set_name)
    return not named.uri and (state is None or not state.policy_source)


@dataclass(slots=True)
class Way:
    """The way from one opened credential to its target; people are asked for it once, when it is needed."""

    recorder: Recorder
    credential: Credential = field(repr=False)
    named: Named = NOBODY_NAMED
    _found: Policy | None = None

    @property
    def source(self) -> str:
        """The adopted policy's text; empty where there is none."""
        return self.recorder.set_state.policy_source

    def policy(self) -> Policy:
        """Return the policy to reach the target by."""
        if self._found is None:
            self._found = self._find()
        return self._found

    def _find(self) -> Policy:
        policy = policy_in_force(self.recorder.set_state)
        if self.source:
            return policy
        on_sheets = Named(self.credential.target, self.credential.account)
        named = self._given(on_sheets) if self.named.uri else self._asked(on_sheets)
        if not named.uri:
            return policy
        agrees = named == on_sheets
        self.recorder.append(TargetNamed(target=named.uri, account=named.account, agrees=agrees))
        return policy.aimed_at(named.uri, named.account)

    def _given(self, on_sheets: Named) -> Named:
        """Return what an option named, with the account of the sheets where it named none.

        Raises:
            InvalidInput: that account is none for this target.
        """
        named = Named(self.named.uri, self.named.account or on_sheets.account)
        try:
            named_connector(named)
        except InvalidInput as error:
            if self.recorder.desk.can_ask():
                return self._asked(on_sheets)
            raise InvalidInput(f"the account on the sheets: {error}", hint="name it with --account") from error
        if named != on_sheets:
            self.recorder.desk.warn(f"the sheets are for {on_sheets.in_words}; as it was given: {named.in_words}")
        return named

    def _asked(self, on_sheets: Named) -> Named:
        """Ask people, until it can be one and is what they mean; an empty one where they name none.

        Raises:
            InvalidInput: none of many answers was a target.
        """
        problem, before = "", NOBODY_NAMED
        for _ in range(MOST_ANSWERS):
            said = self.recorder.desk.name_target(on_sheets.uri, on_sheets.account, problem)
            if said is None or not said[0]:
                return NOBODY_NAMED
            named = Named(*said)
            problem = _problem(named)
            if not problem and named not in (on_sheets, before):
                problem = f"{_OTHER}: {named.in_words}"
            if not problem:
                return named
            before = named
        raise InvalidInput(f"no target was named: {problem}")


def _problem(named: Named) -> str:
    """Return why what people typed can be no target; empty where it can."""
    if not (is_clean(named.uri) and is_clean(named.account)):
        return "control or text-direction characters"
    try:
        named_connector(named)
    except BreakglassError as error:
        return f"{error}; {error.hint}" if error.hint else str(error)
    return ""
