# SPDX-License-Identifier: Apache-2.0
"""Access keys of IAM users at moto's IAM and STS, and what must never pass for a dead credential."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from xml.etree import ElementTree

import pytest
from aws_cloud import HOST, NUMBER, ON_ITSELF, AwsCloud
from connector_contract import ConnectorContract, Stage
from fault_matrix import FaultMatrix, World
from target_life import Place, live_through

from breakglass_shamir.connectors.aws import asking
from breakglass_shamir.connectors.aws import connector as module
from breakglass_shamir.connectors.aws.connector import AwsIamConnector
from breakglass_shamir.connectors.database_target import Denied, Lost
from breakglass_shamir.connectors.port.answers import CheckResult
from breakglass_shamir.connectors.port.base import Connector
from breakglass_shamir.connectors.registry import connector_for
from breakglass_shamir.errors import ConnectorError, InvalidInput
from breakglass_shamir.hygiene import Secret
from tests.attacks.dripping import dripping, silence
from tests.ports import free_port

EXCHANGES = (3, 19, 30)
"""A question about the old key, the old key's end, and a question of the proof."""


@pytest.fixture
def right(aws_cloud: AwsCloud) -> Secret:
    return aws_cloud.new_key()


@pytest.fixture
def user(aws_cloud: AwsCloud, right: Secret) -> str:
    return aws_cloud.add_user(right)


def make(cloud: AwsCloud, user: str, **more: str) -> Connector:
    return connector_for(cloud.target, user, {**cloud.options, **more})


def public(key: Secret) -> str:
    return key.reveal().decode().partition(":")[0]


def other_half(key: Secret) -> Secret:
    """Return a key with the same id and another secret."""
    return Secret(f"{public(key)}:{'x' * 40}".encode())


class TestAwsIam(ConnectorContract):
    """The contract, for an access key."""

    @pytest.fixture
    def stage(self, aws_cloud: AwsCloud, user: str, right: Secret) -> Stage:
        connector = make(aws_cloud, user)
        return Stage(connector, right, other_half(right), connector.issue(right))

    @pytest.fixture
    def unreachable(self, aws_cloud: AwsCloud, stage: Stage) -> Connector:
        return make(aws_cloud, stage.connector.account, endpoint=f"https://{HOST}:{free_port()}")


class TestAwsIamFaults(FaultMatrix):
    """A rotation of a user's access key, over TLS."""

    @pytest.fixture(scope="class")
    @classmethod
    def world(cls, aws_cloud: AwsCloud) -> World:
        first = aws_cloud.new_key()
        account = aws_cloud.add_user(first)
        return World(
            "aws-iam", aws_cloud.target, account, aws_cloud.address, opens=aws_cloud.lets_in,
            become=lambda secret: aws_cloud.become(account, secret),
            options={"time_limit": "10", "ca": str(aws_cloud.ca), "endpoint": "https://{address}"}, kind="token",
            logs=[aws_cloud.folder / "log"], secret=first, exchanges=EXCHANGES, few=True,
        )  # fmt: skip


# --- a life ------------------------------------------------------------------------------------------------


def test_an_access_key_from_sheet_to_new_sheet(aws_cloud: AwsCloud, user: str, right: Secret, tmp_path: Path) -> None:
    place = Place(aws_cloud.target, user, right, aws_cloud.options, aws_cloud.lets_in, None, aws_cloud.log)
    live_through(place, tmp_path)
    assert list(aws_cloud.statuses(user).values()) == ["Active"]


# --- made, and not yet on paper ------------------------------------------------------------------------------


def test_a_new_key_is_inactive_until_it_is_put_in_force(aws_cloud: AwsCloud, user: str, right: Secret) -> None:
    connector = make(aws_cloud, user)
    new = connector.issue(right)
    assert aws_cloud.statuses(user) == {public(right): "Active", public(new): "Inactive"}
    assert connector.check(right).result is CheckResult.ACCEPTED
    assert connector.check(new).result is CheckResult.REFUSED
    connector.rotate(right, new)
    assert aws_cloud.statuses(user) == {public(new): "Active"}
    assert [connector.check(one).result for one in (new, right)] == [CheckResult.ACCEPTED, CheckResult.REFUSED]


def test_what_never_came_on_paper_is_deleted_by_the_next_one(aws_cloud: AwsCloud, user: str, right: Secret) -> None:
    connector = make(aws_cloud, user)
    lost = connector.issue(right)
    assert connector.preflight(None, right).ready
    new = connector.issue(right)
    assert set(aws_cloud.statuses(user)) == {public(right), public(new)}
    assert [connector.check(one).result for one in (right, lost)] == [CheckResult.ACCEPTED, CheckResult.REFUSED]
    with pytest.raises(ConnectorError, match="unchanged"):
        connector.rotate(right, lost)


def test_a_key_of_a_run_that_died_before_it_was_made_inactive_is_deleted(
    aws_cloud: AwsCloud, right: Secret, user: str
) -> None:
    lost = aws_cloud.new_key()
    aws_cloud.become(user, right, lost)
    connector = make(aws_cloud, user)
    new = connector.issue(right)
    assert set(aws_cloud.statuses(user)) == {public(right), public(new)}
    assert not aws_cloud.lets_in(lost)


def test_a_second_key_that_somebody_uses_is_left_alone(aws_cloud: AwsCloud, user: str, right: Secret) -> None:
    theirs = aws_cloud.new_key()
    aws_cloud.become(user, right, theirs)
    assert aws_cloud.lets_in(theirs)
    connector = make(aws_cloud, user)
    assert any(public(theirs) in problem for problem in connector.preflight(None, right).problems)
    with pytest.raises(ConnectorError, match=public(theirs)):
        connector.issue(right)
    assert aws_cloud.lets_in(theirs)


def test_a_key_that_cannot_be_made_inactive_is_named(
    aws_cloud: AwsCloud, user: str, right: Secret, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lost(*_rest: object) -> None:
        raise Lost("no answer")

    connector = make(aws_cloud, user)
    monkeypatch.setattr(AwsIamConnector, "_set", lost)
    with pytest.raises(ConnectorError, match="on no paper") as caught:
        connector.issue(right)
    (left,) = set(aws_cloud.statuses(user)) - {public(right)}
    assert left in str(caught.value)
    monkeypatch.undo()
    assert connector.issue(right)
    assert left not in aws_cloud.statuses(user)


def test_a_key_that_is_not_newer_than_the_one_in_force_is_not_kept(
    aws_cloud: AwsCloud, user: str, right: Secret, monkeypatch: pytest.MonkeyPatch
) -> None:
    """AWS tells whole seconds: of two keys of one second nobody could say which takes the other's place."""
    listed = asking.listed

    def later(cloud: asking.Cloud, key: asking.AccessKey, name: str) -> tuple[asking.Listed, ...]:
        return tuple(replace(one, made=one.made + timedelta(days=3)) for one in listed(cloud, key, name))

    monkeypatch.setattr(asking, "listed", later)
    with pytest.raises(ConnectorError, match="within the second"):
        make(aws_cloud, user).issue(right)
    assert aws_cloud.statuses(user) == {public(right): "Active"}


# --- a change that was interrupted ---------------------------------------------------------------------------


def test_a_change_that_is_not_finished_is_no_new_credential_and_is_gone_on_with(
    aws_cloud: AwsCloud, user: str, right: Secret
) -> None:
    new = aws_cloud.new_key()
    aws_cloud.become(user, right, new)
    connector = make(aws_cloud, user)
    answer = connector.check(new)
    assert answer.result is CheckResult.UNKNOWN
    assert public(right) in answer.detail
    assert connector.check(right).result is CheckResult.ACCEPTED
    connector.rotate(right, new)
    assert connector.check(new).result is CheckResult.ACCEPTED
    assert aws_cloud.statuses(user) == {public(new): "Active"}


def test_an_old_key_that_is_inactive_and_still_listed_is_dead_and_takes_no_place(
    aws_cloud: AwsCloud, user: str, right: Secret
) -> None:
    new = aws_cloud.new_key()
    aws_cloud.become(user, right, new)
    aws_cloud.admin("update_access_key", UserName=user, AccessKeyId=public(right), Status="Inactive")
    connector = make(aws_cloud, user)
    assert [connector.check(one).result for one in (new, right)] == [CheckResult.ACCEPTED, CheckResult.REFUSED]
    assert connector.issue(new)
    assert public(right) not in aws_cloud.statuses(user)


def test_a_change_that_takes_its_time_is_waited_for(aws_cloud: AwsCloud, user: str, right: Secret) -> None:
    connector = make(aws_cloud, user)
    new = connector.issue(right)
    aws_cloud.control(lag_s=3.0)
    try:
        connector.rotate(right, new)
        assert not aws_cloud.lets_in(right)
    finally:
        aws_cloud.control(lag_s=0.0)


def test_a_change_that_is_never_known_is_no_end(
    aws_cloud: AwsCloud, user: str, right: Secret, monkeypatch: pytest.MonkeyPatch
) -> None:
    connector = make(aws_cloud, user)
    new = connector.issue(right)
    monkeypatch.setattr(module, "SETTLE_S", 1)
    aws_cloud.control(lag_s=600.0)
    try:
        with pytest.raises(ConnectorError, match="the old access key is in force"):
            connector.rotate(right, new)
    finally:
        aws_cloud.control(lag_s=0.0)
    assert aws_cloud.lets_in(right)


# --- what is never a dead credential -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "wanted"),
    [
        (Denied("InvalidClientTokenId", "The security token included in the request is invalid."), CheckResult.REFUSED),
        (Denied("SignatureDoesNotMatch", "The request signature we calculated does not match"), CheckResult.REFUSED),
        (Denied("SignatureDoesNotMatch", "Signature expired: 20261130T1 is now earlier than"), CheckResult.UNKNOWN),
        (Denied("SignatureDoesNotMatch", "Signature not yet current: 20261130T1"), CheckResult.UNKNOWN),
        (Denied("SignatureDoesNotMatch", "Credential should be scoped to a valid region."), CheckResult.UNKNOWN),
        (Denied("SignatureDoesNotMatch", ""), CheckResult.UNKNOWN),
        (Denied("ExpiredToken", "The security token included in the request is expired"), CheckResult.UNKNOWN),
        (Denied("Throttling", "Rate exceeded"), CheckResult.UNKNOWN),
        (Denied("AccessDenied", "no"), CheckResult.UNKNOWN),
        (Lost("no answer"), CheckResult.UNKNOWN),
    ],
)
def test_only_a_refusal_of_the_key_itself_is_one(
    aws_cloud: AwsCloud, user: str, right: Secret, error: Denied | Lost, wanted: CheckResult
) -> None:
    connector = AwsIamConnector(aws_cloud.target, user, options=aws_cloud.options)
    assert connector.check(right).result is CheckResult.ACCEPTED
    answer = connector._judged(error)
    assert answer.result is wanted
    assert answer.blocked == (isinstance(error, Denied) and error.code == "Throttling")


def test_a_key_that_aws_does_not_know_is_dead_only_where_it_took_another_of_the_account(
    aws_cloud: AwsCloud, user: str, right: Secret
) -> None:
    """A region that the account has not enabled says the same of a good key."""
    gone = aws_cloud.new_key()
    connector = make(aws_cloud, user)
    answer = connector.check(gone)
    assert answer.result is CheckResult.UNKNOWN
    assert "another partition" in answer.detail
    elsewhere = connector_for("aws-iam://210987654321", user, aws_cloud.options)
    assert elsewhere.check(right).result is CheckResult.UNKNOWN
    assert elsewhere.check(gone).result is CheckResult.UNKNOWN, "a key of another account tells nothing of this one's"
    assert connector.check(right).result is CheckResult.ACCEPTED
    assert connector.check(gone).result is CheckResult.REFUSED


def test_a_key_of_another_user_or_account_is_not_taken(aws_cloud: AwsCloud, user: str, right: Secret) -> None:
    other = aws_cloud.add_user(aws_cloud.new_key())
    assert make(aws_cloud, other).check(right).result is CheckResult.UNKNOWN
    elsewhere = connector_for("aws-iam://210987654321", user, aws_cloud.options)
    assert elsewhere.check(right).result is CheckResult.UNKNOWN


@pytest.mark.parametrize("lacking", ON_ITSELF)
def test_a_permission_that_is_missing_changes_nothing(aws_cloud: AwsCloud, right: Secret, lacking: str) -> None:
    """Without the last one, an unused key is told from a used one nowhere; there is none here."""
    user = aws_cloud.add_user(right, may=tuple(one for one in ON_ITSELF if one != lacking))
    connector = make(aws_cloud, user)
    try:
        connector.rotate(right, connector.issue(right))
    except ConnectorError as error:
        assert lacking in str(error)
        assert aws_cloud.lets_in(right) or "was not deleted" in str(error)
    else:
        assert lacking == "GetAccessKeyLastUsed"


@pytest.mark.parametrize("value", [b"", b"AKIAX", b":x", b"akia:x", b"AKIAX:", b"AKIAX:a b", b"AKIAX:\xff", b"A:x\n"])
def test_what_is_no_access_key_is_sent_nowhere(value: bytes) -> None:
    connector = connector_for("aws-iam://123456789012", "bg", {"endpoint": f"https://{HOST}:1"})
    assert connector.check(Secret(value)).result is CheckResult.UNKNOWN
    with pytest.raises(ConnectorError, match="no access key"):
        connector.issue(Secret(value))


def test_a_place_that_says_nothing_keeps_no_question(right: Secret) -> None:
    with dripping(silence) as server:
        options = {"endpoint": f"http://{HOST}:{server.port}", "tls": "off", "time_limit": "2"}
        assert connector_for(f"aws-iam://{NUMBER}", "bg", options).check(right).result is CheckResult.UNKNOWN


# --- nobody else names the address or the key ----------------------------------------------------------------


@pytest.fixture
def strange_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], bool]]:
    """Everything that botocore reads names another place; returns a question: was it asked?"""
    asked: list[bool] = []

    def noted(_connection: object, _server: object) -> None:
        asked.append(True)

    with dripping(noted) as server:
        url = f"http://{HOST}:{server.port}"
        home = tmp_path / "home"
        (home / ".aws" / "models").mkdir(parents=True)
        (home / ".aws" / "config").write_text(
            f"[default]\nregion = eu-west-1\nendpoint_url = {url}\nservices = x\ncredential_process = /bin/false\n"
            f"ca_bundle = /dev/null\n[services x]\nsts =\n  endpoint_url = {url}\niam =\n  endpoint_url = {url}\n"
        )
        (home / ".aws" / "credentials").write_text("[default]\naws_access_key_id = AKIASTRANGER\n")
        for name, value in {
            "HOME": str(home),
            "AWS_ENDPOINT_URL": url,
            "AWS_ENDPOINT_URL_STS": url,
            "AWS_ENDPOINT_URL_IAM": url,
            "AWS_PROFILE": "nobody",
            "AWS_DEFAULT_PROFILE": "nobody",
            "AWS_ACCESS_KEY_ID": "AKIASTRANGER",
            "AWS_SECRET_ACCESS_KEY": "x",
            "AWS_SESSION_TOKEN": "x",
            "AWS_CA_BUNDLE": "/dev/null",
            "HTTPS_PROXY": url,
            "HTTP_PROXY": url,
            "ALL_PROXY": url,
            "AWS_EC2_METADATA_SERVICE_ENDPOINT": url,
            "AWS_CONTAINER_CREDENTIALS_FULL_URI": url,
            "AWS_CONFIG_FILE": str(home / ".aws" / "config"),
            "AWS_DATA_PATH": str(home / ".aws" / "models"),
            "REQUESTS_CA_BUNDLE": "/dev/null",
            "PYTHONPATH": str(home),
            "SSL_CERT_FILE": "/dev/null",
        }.items():
            monkeypatch.setenv(name, value)
        (home / "botocore").mkdir()
        (home / "botocore" / "__init__.py").write_text("raise SystemExit(3)")
        yield lambda: bool(asked)


def test_no_environment_and_no_file_names_the_place_or_the_key(
    aws_cloud: AwsCloud, user: str, right: Secret, strange_place: Callable[[], bool]
) -> None:
    connector = make(aws_cloud, user)
    assert connector.check(right).result is CheckResult.ACCEPTED
    assert connector.preflight(None).ready
    assert not strange_place()


@pytest.mark.parametrize(
    ("region", "iam", "sts"),
    [
        ("us-east-1", "iam.amazonaws.com us-east-1", "sts.us-east-1.amazonaws.com us-east-1"),
        ("eu-central-1", "iam.amazonaws.com us-east-1", "sts.eu-central-1.amazonaws.com eu-central-1"),
        (
            "cn-northwest-1", "iam.cn-north-1.amazonaws.com.cn cn-north-1",
            "sts.cn-northwest-1.amazonaws.com.cn cn-northwest-1",
        ),
        ("us-gov-east-1", "iam.us-gov.amazonaws.com us-gov-west-1", "sts.us-gov-east-1.amazonaws.com us-gov-east-1"),
    ],
)  # fmt: skip
def test_without_an_endpoint_it_is_aws_s_own(region: str, iam: str, sts: str) -> None:
    connector = connector_for("aws-iam://123456789012", "bg", {"region": region})
    assert isinstance(connector, AwsIamConnector)
    for service, wanted in (("iam", iam), ("sts", sts)):
        url, signed_for = connector._cloud.place(service)
        assert f"{url} {signed_for}" == f"https://{wanted.replace(' ', '/ ')}"


def test_a_certificate_of_somebody_else_is_not_believed(aws_cloud: AwsCloud, user: str, right: Secret) -> None:
    connector = connector_for(aws_cloud.target, user, {"endpoint": aws_cloud.options["endpoint"], "time_limit": "20"})
    assert connector.check(right).result is CheckResult.UNKNOWN
    assert not connector.preflight(None).ready


# --- targets and options -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("target", "account", "options"),
    [
        ("aws-iam://12345678901", "bg", {}),
        ("aws-iam://1234567890123", "bg", {}),
        ("aws-iam:123456789012", "bg", {}),
        ("aws-iam://123456789012/x", "bg", {}),
        ("aws-iam://12345678901\u0662", "bg", {}),
        ("aws-iam://123456789012", "", {}),
        ("aws-iam://123456789012", "a/b", {}),
        ("aws-iam://123456789012", "bg", {"region": "us-isob-east-1"}),
        ("aws-iam://123456789012", "bg", {"region": "us-iso-east-1"}),
        ("aws-iam://123456789012", "bg", {"region": "eusc-de-east-1"}),
        ("aws-iam://123456789012", "bg", {"tls": "off"}),
        ("aws-iam://123456789012", "bg", {"endpoint": "http://h"}),
        ("aws-iam://123456789012", "bg", {"endpoint": "https://u@h"}),
        ("aws-iam://123456789012", "bg", {"endpoint": "https://h/path"}),
        ("aws-iam://123456789012", "bg", {"endpoint": "https://h:port"}),
    ],
)
def test_a_target_that_makes_no_sense_is_refused(target: str, account: str, options: dict[str, str]) -> None:
    with pytest.raises(InvalidInput):
        connector_for(target, account, options)


MEMBER = "<member><AccessKeyId>AKIAX</AccessKeyId><Status>{}</Status><CreateDate>{}</CreateDate></member>"


@pytest.mark.parametrize(
    "members",
    ["", MEMBER.format("Active", "yesterday"), MEMBER.format("Maybe", "2026-11-30T00:00:00Z"), "<member/>"],
)
def test_a_list_that_is_not_understood_is_none(monkeypatch: pytest.MonkeyPatch, members: str) -> None:
    told = ElementTree.fromstring(f"<R xmlns='x'><L><AccessKeyMetadata>{members}</AccessKeyMetadata></L></R>")  # noqa: S314
    monkeypatch.setattr(asking, "ask", lambda *_rest, **_named: told)
    with pytest.raises(Lost):
        asking.listed(asking.Cloud("us-east-1", "", "", 1.0), asking.AccessKey("AKIAX", "x"), "bg")


WITH_ENTITIES = "<!DOCTYPE r [<!ENTITY a 'b'>]><r>&a;</r>"


@pytest.mark.parametrize(
    "body",
    [
        b"", b"<html>", b"{}", b"<r>&a;</r>", b"\xff\xfe", b"<a>" * 9,
        *(WITH_ENTITIES.encode(coding) for coding in ("ascii", "utf-8-sig", "utf-16", "utf-16-be", "utf-16-le")),
    ],
)  # fmt: skip
def test_what_is_no_answer_of_aws_is_none(body: bytes) -> None:
    assert asking._document(body) is None
