# SPDX-License-Identifier: Apache-2.0
"""Questions to IAM and STS, signed with an access key.

Sources: AWS IAM API reference (``CreateAccessKey``, ``UpdateAccessKey``, ``DeleteAccessKey``, ``ListAccessKeys``,
``GetAccessKeyLastUsed``); AWS STS API reference (``GetCallerIdentity``); "Common errors"; AWS General Reference,
"Service endpoints and quotas". A question is a form, an answer is XML.

Rules:

1. botocore signs and does nothing else: its sessions read the environment, files in the home folder and the metadata of
   an instance, each of which may name another address or another key. The address is that of the region, or what the
   policy says; the key is the one on paper. The program's own client asks: one deadline, a bound, no proxy.
2. Each question is asked once: what was sent may have been done.
3. An answer with a document type is none: entities are no part of AWS's answers.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING
from urllib.parse import urlencode, urlsplit

from breakglass_shamir.bounded.deadline import Deadline
from breakglass_shamir.connectors.database_target import Denied, Lost
from breakglass_shamir.connectors.port import stamps
from breakglass_shamir.errors import ConnectorError, WebError
from breakglass_shamir.hygiene import Secret
from breakglass_shamir.web import client

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

ANSWER_MAX_BYTES = 1 << 20
"""Longest answer that is read."""

VERSIONS = {"iam": "2010-05-08", "sts": "2011-06-15"}
"""Of the two services' interfaces."""

FORM = "application/x-www-form-urlencoded; charset=utf-8"

CHINA, GOVERNMENT = "cn-", "us-gov-"
"""How the regions of the other two partitions begin that are known here."""

KEY_ID_CHARACTERS = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789")
KEY_ID_MAX_CHARS = 128
SECRET_MAX_CHARS = 256

ACTIVE, INACTIVE = "Active", "Inactive"


@dataclass(frozen=True, slots=True)
class Cloud:
    """Where AWS is, and how long one question may take.

    Attributes:
        region: such as ``us-east-1``.
        endpoint: URL at which IAM and STS answer instead; empty for AWS's own.
        ca: PEM file of the only authorities that are believed; empty for those of the system.
        limit_s: longest time one question may take, in seconds.
    """

    region: str
    endpoint: str
    ca: str
    limit_s: float

    @property
    def in_words(self) -> str:
        """AWS, as messages name it."""
        return urlsplit(self.endpoint).netloc or f"AWS in {self.region}"

    def place(self, service: str) -> tuple[str, str]:
        """Return where a service is, and the region that a question to it is signed for.

        Args:
            service: ``iam``, of which there is one in each partition, or ``sts``.
        """
        region, end = self.region, "amazonaws.com.cn" if self.region.startswith(CHINA) else "amazonaws.com"
        host = f"sts.{region}.{end}"
        if service == "iam" and region.startswith(CHINA):
            host, region = f"iam.cn-north-1.{end}", "cn-north-1"
        elif service == "iam" and region.startswith(GOVERNMENT):
            host, region = f"iam.us-gov.{end}", "us-gov-west-1"
        elif service == "iam":
            host, region = f"iam.{end}", "us-east-1"
        return f"{self.endpoint.rstrip('/') or f'https://{host}'}/", region


@dataclass(frozen=True, slots=True)
class AccessKey:
    """What is on paper: ``ACCESS_KEY_ID:SECRET_ACCESS_KEY``.

    Attributes:
        public: the id, which is no secret.
        secret: the other half.
    """

    public: str
    secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Listed:
    """A key of the user, as IAM lists it.

    Attributes:
        public: its id.
        active: whether it can be used.
        made: when it was made.
    """

    public: str
    active: bool
    made: datetime


def access_key(credential: Secret) -> AccessKey:
    """Read an access key.

    Raises:
        ConnectorError: it is none.
    """
    try:
        public, colon, secret = credential.reveal().decode("ascii").partition(":")
    except UnicodeDecodeError:
        public = colon = secret = ""
    if (
        not colon
        or not 0 < len(public) <= KEY_ID_MAX_CHARS
        or not KEY_ID_CHARACTERS.issuperset(public)
        or not 0 < len(secret) <= SECRET_MAX_CHARS
        or not secret.isprintable()
        or " " in secret
    ):
        raise ConnectorError("no access key: expected ACCESS_KEY_ID:SECRET_ACCESS_KEY")
    return AccessKey(public, secret)


def ask(cloud: Cloud, key: AccessKey, service: str, action: str, **arguments: str) -> "Element":
    """Ask one thing; returns the answer.

    Args:
        cloud: where.
        key: that signs.
        service: ``iam`` or ``sts``.
        action: as the API reference names it.
        arguments: as it names them.

    Raises:
        Denied: AWS answered with an error.
        Lost: no answer came; it may have been done.
    """
    url, region = cloud.place(service)
    body = urlencode({"Action": action, "Version": VERSIONS[service], **arguments}).encode()
    request = client.Request(
        "POST", url, body, _signed(key, service, region, url, body), ca=cloud.ca or None, answer_max=ANSWER_MAX_BYTES,
        secrets=(key.secret,),
    )  # fmt: skip
    try:
        answer = client.send(request, Deadline(cloud.limit_s))
    except WebError as error:
        raise Lost(f"{cloud.in_words}: {error}") from None
    told = _document(answer.body)
    if told is None:
        raise Lost(f"{cloud.in_words}: HTTP {answer.status}, in no words of AWS")
    if not answer.is_yes:
        code = text(told, "Code")
        if not code:
            raise Lost(f"{cloud.in_words}: HTTP {answer.status}, in no words of AWS")
        raise Denied(code[:80], text(told, "Message"))
    return told


def text(told: "Element", name: str) -> str:
    """Return what the first element of a name holds, at any depth; empty where there is none."""
    return next((one.text or "" for one in told.iter() if _named(one) == name), "")


def _signed(key: AccessKey, service: str, region: str, url: str, body: bytes) -> Mapping[str, str]:
    """Return the headers of a signed question (AWS Signature Version 4)."""
    # Imported here: slow, and needed only where AWS is asked.
    from botocore.auth import SigV4Auth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials

    request = AWSRequest("POST", url, {"Content-Type": FORM}, body)
    SigV4Auth(Credentials(key.public, key.secret), service, region).add_auth(request)
    return dict(request.headers.items())


def _document(body: bytes) -> "Element | None":
    from xml.etree import ElementTree

    try:
        # As text, and without what UTF-16 looks like: in another encoding a document type would not be seen.
        told = body.decode("utf-8")
        hidden = "<!DOCTYPE" in told or "\0" in told
        return None if hidden else ElementTree.fromstring(told)  # noqa: S314 - it has no entities
    except (ElementTree.ParseError, ValueError):
        return None


def _named(one: "Element") -> str:
    """Return an element's name without the interface it is of."""
    return str(one.tag).rpartition("}")[2]


def listed(cloud: Cloud, key: AccessKey, user: str) -> tuple[Listed, ...]:
    """Return the keys of a user, the oldest first.

    Raises:
        Denied: AWS answered with an error.
        Lost: no answer came, or one that is not understood.
    """
    told = ask(cloud, key, "iam", "ListAccessKeys", UserName=user)
    found = []
    for each in told.iter():
        if _named(each) != "AccessKeyMetadata" or not any(_named(one) == "member" for one in each):
            continue
        for one in each:
            made, status, public = (text(one, name) for name in ("CreateDate", "Status", "AccessKeyId"))
            at = stamps.instant(made)
            if at is None or status not in (ACTIVE, INACTIVE) or not public:
                raise Lost("IAM's list of the user's keys is not understood")
            found.append(Listed(public, status == ACTIVE, at))
    if not found or text(told, "IsTruncated") == "true":
        raise Lost("IAM's list of the user's keys is not understood")
    return tuple(sorted(found, key=lambda one: one.made))
