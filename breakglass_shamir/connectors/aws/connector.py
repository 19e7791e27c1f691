# SPDX-License-Identifier: Apache-2.0
"""The access key of an IAM user of AWS as a break-glass credential.

Sources: AWS IAM user guide, "Manage access keys for IAM users"; AWS IAM API reference; AWS STS API reference.

Rules:

1. AWS makes the keys, so that the next one is there before its sheets are. It is made inactive at once, under the id
   that IAM lists: whoever had it could do nothing with it. It becomes active when its sheets are in custody.
2. What an earlier run made and nobody put in force is inactive, or was never used: it is deleted, and seen to be gone,
   before another one is made. A second key that somebody uses is somebody's: it is named, and nothing is printed.
3. As long as the user has an active key that is older, the newer one is *unknown*: a change is not finished. So an
   interrupted rotation finds the old one in force and does the rest.
4. The old key is made inactive by the new one, then waited for until STS refuses it, then deleted.
5. *Refused* needs STS's own words for a key whose other half is wrong; or for one that it does not know or that is
   inactive, once it took another key of the account in the same region. Before that the region or the partition could
   be the cause: *unknown*. A signature that came too late or too early has the same code and is none.

What it does not do: it changes no user, no policy and no password of the console.
"""

import re
import time
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, ClassVar
from urllib.parse import urlsplit

from breakglass_shamir.bounded.deadline import Deadline
from breakglass_shamir.connectors.aws import asking
from breakglass_shamir.connectors.aws.asking import ACTIVE, INACTIVE, AccessKey, Cloud, Listed, access_key, text
from breakglass_shamir.connectors.database_target import (
    Denied,
    Lost,
    driver_problems,
    require_account,
    require_different,
    stop_at,
)
from breakglass_shamir.connectors.port import stamps
from breakglass_shamir.connectors.port.answers import Check, CheckResult, Preflight
from breakglass_shamir.connectors.port.base import Connector
from breakglass_shamir.connectors.port.cost import NOTHING, Costs
from breakglass_shamir.connectors.port.options import NO_OPTIONS, TLS_OPTIONS, tls
from breakglass_shamir.connectors.port.words import is_host
from breakglass_shamir.errors import ConnectorError, InvalidInput
from breakglass_shamir.hygiene import Secret

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

NUMBER_CHARS = 12
"""Digits of an AWS account's number."""

USER_MAX_CHARS = 64
"""Longest name of an IAM user."""

USER_CHARACTERS = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+=,.@_-")

REGION = "us-east-1"
"""Where IAM of the ordinary partition is."""

SETTLE_S = 60
"""How long AWS may take until a change is known everywhere, in seconds."""

UNKNOWN_KEY, WRONG_SIGNATURE = "InvalidClientTokenId", "SignatureDoesNotMatch"
WRONG_HALF = "request signature we calculated does not match"
"""In AWS's words for a signature that another secret made. What else has that code tells nothing about the key."""

CLOCK_WORDS = ("expired", "not yet current")
"""In AWS's words for a signature whose time is not this moment."""

THROTTLED = frozenset({"Throttling", "ThrottlingException", "RequestLimitExceeded"})

_OTHER_PLACE = (
    "AWS does not know the key here, and a good key has the same answer in a region that the account has not enabled, "
    "and in another partition"
)

_NOBODY = AccessKey("AKIA0000000000000000", "0" * 40)
"""A key that nobody has, to see whether AWS answers."""

_PAUSE_S = 1.0
_REGION = re.compile(r"(?:us-gov|[a-z]{2})-[a-z]{4,9}-\d{1,2}")
"""Other partitions, such as us-iso and eusc, have a part more or a longer one: their addresses are not known here."""


class AwsIamConnector(Connector):
    """An access key of an IAM user; target ``aws-iam://ACCOUNT-NUMBER``, ``target.kind`` is ``token``.

    The account is the user's name. The credential is one line, ``ACCESS_KEY_ID:SECRET_ACCESS_KEY``.

    What it changes: the user's access keys. AWS makes the next one; it stays inactive until its sheets are in custody.
    Afterwards the old one is made inactive, waited for until AWS refuses it, and deleted.

    What it needs: the extra ``breakglass-shamir[aws]``. A user of its own with one access key, that may on itself:
    ``iam:CreateAccessKey``, ``iam:UpdateAccessKey``, ``iam:DeleteAccessKey``, ``iam:ListAccessKeys``,
    ``iam:GetAccessKeyLastUsed``. HTTPS to IAM and STS of option ``region`` (default us-east-1), or to the one that
    option ``endpoint`` names. No proxy: environment, files in the home folder and the metadata of an instance name no
    address and no key here.

    What it does not reach: sessions that STS gave for the old key, which live until they end; the user's password of
    the console, other credentials of the user, roles that it took over.

    What it cannot tell: a key that was deleted, one that is inactive and one that never was have one answer; a good key
    has the same in a region that the account has not enabled, and in another partition. So a key that AWS does not know
    is dead only where AWS took another key of the account in this region before, as in a rotation; ``retire`` and a
    first ``check`` say *unknown*.

    What may lie about: a rotation that was interrupted can leave an inactive key. The next run uses it where its sheets
    exist, and deletes it where not.
    """

    scheme: ClassVar[str] = "aws-iam"
    grace_window_s: ClassVar[int] = 0
    settle_s: ClassVar[int] = SETTLE_S
    scope: ClassVar[str] = "the access keys of this user; sessions that were begun with the old one live until they end"
    abilities: ClassVar[frozenset[str]] = frozenset({"issue"})
    option_names: ClassVar[frozenset[str]] = TLS_OPTIONS | {"region", "endpoint"}
    costs: ClassVar[Costs] = NOTHING

    def __init__(self, target: str, account: str = "", *, options: Mapping[str, str] = NO_OPTIONS) -> None:
        super().__init__(target, account, options=options)
        self._number = target.partition("://")[2].removesuffix("/")
        if not (len(self._number) == NUMBER_CHARS and self._number.isascii() and self._number.isdecimal()):
            raise InvalidInput(
                f"{self.scheme} target is malformed: expected {self.scheme}:// and the {NUMBER_CHARS} digits of the "
                "AWS account",
                hint="the user is target.account, everything else is target.options",
            )
        require_account(self.scheme, account, USER_MAX_CHARS)
        if not USER_CHARACTERS.issuperset(account):
            raise InvalidInput(f"{self.scheme} account: expected the name of an IAM user, without its path")
        self._cloud = _cloud(options, self.time_limit_s)
        self._is_right_place = False
        """Whether STS took a key of this account in this region."""

    def missing(self) -> tuple[str, ...]:
        """Return whether the driver is not there."""
        return driver_problems("botocore", "aws")

    def _preflight(self, new: Secret | None) -> Preflight:
        return self._preflight_as(new, None)

    def _preflight_as(self, new: Secret | None, current: Secret | None) -> Preflight:
        problems: list[str] = []
        notes = ["sessions that STS gave for this key live until they end, and the console's password is not reached"]
        login = None
        if not self._cloud.endpoint.startswith("https:") and self._cloud.endpoint:
            notes.append("the connection is in the clear: whoever is on the way can answer for AWS")
        if current is None:
            problems += self._no_answer()
        else:
            login = self._check(current)
            if login.result is CheckResult.ACCEPTED:
                problems += self._in_the_way(access_key(current), access_key(new) if new else None)
            else:
                problems.append(f"the access key could not be asked about: {login.detail}")
        return Preflight(tuple(problems), tuple(notes), None, self.scope, (), login)

    def _no_answer(self) -> list[str]:
        """Say that AWS does not answer."""
        try:
            self._ask(_NOBODY, "sts", "GetCallerIdentity")
        except Denied:
            return []
        except Lost as error:
            return [f"no answer that can be believed: {error}"]
        return ["what answers lets in a key that nobody has"]

    def _in_the_way(self, current: AccessKey, new: AccessKey | None) -> list[str]:
        """Say that somebody uses a second key of the user."""
        try:
            others = self._others(current, *([new] if new else []))
            used = [one for one in others if one.active and self._was_used(current, one)]
        except (Denied, Lost) as error:
            return [f"the user's access keys could not be asked about: {_in_words(error)}"]
        return [_somebodys(one) for one in used]

    def _check(self, credential: Secret) -> Check:
        try:
            key = access_key(credential)
        except ConnectorError as error:
            return Check(CheckResult.UNKNOWN, str(error))
        try:
            who = self._ask(key, "sts", "GetCallerIdentity")
        except (Denied, Lost) as error:
            return self._judged(error)
        arn = text(who, "Arn")
        self._is_right_place |= text(who, "Account") == self._number
        if text(who, "Account") != self._number or arn.partition(":user/")[2].split("/")[-1] != self.account:
            return Check(
                CheckResult.UNKNOWN, f"AWS took the key for {arn or 'nobody'}, expected the user of the policy"
            )
        try:
            before = [one for one in self._older(key) if one.active]
        except (Denied, Lost) as error:
            return Check(CheckResult.UNKNOWN, f"the user may not list its own access keys: {_in_words(error)}")
        if before:
            return Check(
                CheckResult.UNKNOWN,
                f"AWS takes this key, but the user has an older one that is active ({before[0].public}): the change is "
                "not finished",
            )
        return Check(CheckResult.ACCEPTED, "AWS took the key for the user of the policy")

    def _issue(self, current: Secret) -> Secret:
        mine = access_key(current)
        try:
            before = self._clear(mine)
            made = self._ask(mine, "iam", "CreateAccessKey", UserName=self.account)
        except (Denied, Lost) as error:
            words = "no new access key; one that was made all the same is deleted by the next rotation"
            raise ConnectorError(f"{words}: {_in_words(error)}") from error
        new = Secret(f"{text(made, 'AccessKeyId')}:{text(made, 'SecretAccessKey')}".encode())
        key = access_key(new)
        try:
            self._set(mine, key, INACTIVE)
            at = stamps.instant(text(made, "CreateDate"))
            if at is None or at <= before:
                self._delete(mine, key)
                raise ConnectorError("AWS made a key within the second of the one in force; none is left: rotate again")
        except (Denied, Lost) as error:
            raise ConnectorError(
                f"the new access key {key.public} is on no paper and could not be made inactive: {_in_words(error)}; "
                "the next rotation deletes it"
            ) from error
        return new

    def _clear(self, mine: AccessKey) -> datetime:
        """Delete the keys that nobody put in force, and see that they are gone; returns when the one in force was made.

        Raises:
            ConnectorError: somebody uses one, or one is still there; or the one in force is none of this user's.
        """
        keys = asking.listed(self._cloud, mine, self.account)
        made = next((one.made for one in keys if one.public == mine.public), None)
        if made is None:
            raise ConnectorError("no new access key: the one in force is none of this user's")
        left = [one for one in keys if one.public != mine.public]
        for one in left:
            if one.active and self._was_used(mine, one):
                raise ConnectorError(f"no new access key: {_somebodys(one)}")
        for one in left:
            self._delete(mine, AccessKey(one.public, ""))
        if left:
            self._wait(
                lambda: not self._others(mine), f"no new access key: {left[0].public} was deleted and is still listed"
            )
        return made

    def _rotate(self, old: Secret, new: Secret) -> None:
        require_different(old, new)
        was, will_be = access_key(old), access_key(new)
        check = self._check(old)
        if check.result is not CheckResult.ACCEPTED:
            raise ConnectorError(f"unchanged: the old credential was not accepted: {check.detail}")
        try:
            there = {one.public for one in self._newer(was)}
            stop_at([] if will_be.public in there else ["the new access key is none of this user's that is newer"])
            self._set(was, will_be, ACTIVE)
        except (Denied, Lost) as error:
            raise ConnectorError(f"the old access key is in force: {_in_words(error)}") from error
        self._wait(lambda: self._works(will_be), "the old access key is in force: the new one was not accepted in time")
        try:
            self._set(will_be, was, INACTIVE)
        except (Denied, Lost) as error:
            raise ConnectorError(
                f"the end of the old access key was asked for and may be in place: {_in_words(error)}"
            ) from error
        self._wait(
            lambda: self._is_refused(was),
            "the old access key was made inactive, and AWS did not refuse it in time",
        )
        try:
            self._delete(will_be, was)
        except (Denied, Lost) as error:
            raise ConnectorError(
                f"the change is in place; the old access key is inactive and was not deleted: {_in_words(error)}"
            ) from error

    def _works(self, key: AccessKey) -> bool:
        """Tell whether both STS and IAM take a key."""
        try:
            self._ask(key, "sts", "GetCallerIdentity")
            asking.listed(self._cloud, key, self.account)
        except (Denied, Lost):
            return False
        return True

    def _is_refused(self, key: AccessKey) -> bool:
        try:
            self._ask(key, "sts", "GetCallerIdentity")
        except (Denied, Lost) as error:
            return self._judged(error).result is CheckResult.REFUSED
        return False

    def _judged(self, error: Denied | Lost) -> Check:
        """Say what it means that STS did not take a key."""
        if isinstance(error, Lost):
            return Check(CheckResult.UNKNOWN, f"no answer that can be believed: {error}")
        said = str(error).lower()
        if error.code == UNKNOWN_KEY and not self._is_right_place:
            return Check(CheckResult.UNKNOWN, f"{_OTHER_PLACE} ({error.code}, region {self._cloud.region})")
        if error.code == UNKNOWN_KEY or (error.code == WRONG_SIGNATURE and WRONG_HALF in said):
            return Check(CheckResult.REFUSED, f"AWS refused the key ({error.code})")
        late = any(words in said for words in CLOCK_WORDS)
        why = "the clock of this machine is not AWS's" if late else "no verdict about the key"
        return Check(CheckResult.UNKNOWN, f"{why}: {_in_words(error)}", blocked=error.code in THROTTLED)

    def _wait(self, holds: Callable[[], bool], otherwise: str) -> None:
        """Wait until AWS agrees with itself.

        Raises:
            ConnectorError: it did not in time.
        """
        deadline = Deadline(SETTLE_S)
        while not holds():
            if deadline.over:
                raise ConnectorError(otherwise)
            time.sleep(_PAUSE_S)

    def _others(self, *known: AccessKey) -> tuple[Listed, ...]:
        """Return the user's keys but those that are known; the first of these asks."""
        public = {one.public for one in known}
        return tuple(one for one in asking.listed(self._cloud, known[0], self.account) if one.public not in public)

    def _older(self, key: AccessKey) -> tuple[Listed, ...]:
        """Return the keys that are older than the one that asks; all others where IAM does not list that one."""
        keys = asking.listed(self._cloud, key, self.account)
        mine = next((one for one in keys if one.public == key.public), None)
        return tuple(one for one in keys if one.public != key.public and (mine is None or one.made < mine.made))

    def _newer(self, key: AccessKey) -> tuple[Listed, ...]:
        keys = asking.listed(self._cloud, key, self.account)
        mine = next((one for one in keys if one.public == key.public), None)
        return tuple(one for one in keys if mine is not None and one.made > mine.made)

    def _was_used(self, asks: AccessKey, one: Listed) -> bool:
        return bool(text(self._ask(asks, "iam", "GetAccessKeyLastUsed", AccessKeyId=one.public), "LastUsedDate"))

    def _set(self, asks: AccessKey, key: AccessKey, status: str) -> None:
        self._ask(asks, "iam", "UpdateAccessKey", UserName=self.account, AccessKeyId=key.public, Status=status)

    def _delete(self, asks: AccessKey, key: AccessKey) -> None:
        self._ask(asks, "iam", "DeleteAccessKey", UserName=self.account, AccessKeyId=key.public)

    def _ask(self, key: AccessKey, service: str, action: str, **arguments: str) -> "Element":
        return asking.ask(self._cloud, key, service, action, **arguments)


def _cloud(options: Mapping[str, str], limit_s: float) -> Cloud:
    """Read the options.

    Raises:
        InvalidInput: one makes no sense.
    """
    protected, endpoint, region = tls(options), options.get("endpoint", ""), options.get("region", REGION)
    if not _REGION.fullmatch(region):
        raise InvalidInput("option region: expected one of AWS's own, of China or of GovCloud, such as us-east-1")
    wanted = "https" if protected.verify else "http"
    try:
        parts = urlsplit(endpoint)
        fits = parts.scheme == wanted and is_host(parts.hostname or "") and (parts.port or 1) > 0
    except ValueError:
        parts, fits = urlsplit(""), False
    if endpoint and (not fits or "@" in parts.netloc or parts.query or parts.fragment or parts.path not in ("", "/")):
        raise InvalidInput(f"option endpoint: expected {wanted}://HOST[:PORT]")
    if not endpoint and not protected.verify:
        raise InvalidInput("option tls: expected verify where no option endpoint names another place")
    return Cloud(region, endpoint, str(protected.ca) if protected.ca else "", limit_s)


def _somebodys(one: Listed) -> str:
    return (
        f"the user has a second access key that is active and was used ({one.public}): find out whose it is, and make "
        "it inactive or delete it"
    )


def _in_words(error: Denied | Lost) -> str:
    return f"{error.code}: {error}" if isinstance(error, Denied) else str(error)
