"""The AWS stand-in: policies become text, and whatever is no preview is refused with its reason."""

import json
from typing import Any, NoReturn

import grpc
import pytest
from pulumi.runtime.proto import provider_pb2

from lab.pulumi.aws.documents import with_texts
from lab.pulumi.aws.plugin import REASON, AwsPlugin
from lab.pulumi.kubernetes.values import UNKNOWN, Secret, decode, encode

POLICY = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole"}]}
ROLE = "urn:pulumi:prod::eco2::aws:iam/role:Role::data-node"


class Refused(Exception):
    """What the plugin tells the engine."""


class Call:
    """The engine's end of a call."""

    def abort(self, code: grpc.StatusCode, details: str) -> NoReturn:
        assert code is grpc.StatusCode.UNIMPLEMENTED
        raise Refused(details)


def checked(inputs: dict[str, Any]) -> dict[str, Any]:
    answer = AwsPlugin().Check(provider_pb2.CheckRequest(urn=ROLE, news=encode(inputs)), Call())
    assert not answer.failures
    return decode(answer.inputs)


def test_a_policy_that_was_written_as_an_object_is_text_in_the_plan() -> None:
    inputs = checked({"assumeRolePolicy": POLICY, "tags": {"part-of": "eco2"}})
    assert json.loads(inputs["assumeRolePolicy"]) == POLICY, "policy packs would see another shape than in an account"
    assert inputs["tags"] == {"part-of": "eco2"}


def test_a_policy_that_was_written_as_text_stays_as_it_is() -> None:
    assert checked({"policy": '{"rules": []}'}) == {"policy": '{"rules": []}'}


def test_a_policy_about_what_is_not_there_yet_is_not_known() -> None:
    assert with_texts({"policy": {"Resource": UNKNOWN}}) == {"policy": UNKNOWN}


def test_a_secret_in_a_policy_makes_all_of_it_secret() -> None:
    assert with_texts({"policy": {"Id": Secret("x")}}) == {"policy": Secret('{"Id":"x"}')}


def test_a_preview_knows_what_the_program_said_and_makes_up_nothing() -> None:
    inputs = encode({"instanceType": "m7i.large", "token": Secret("s")})
    request = provider_pb2.CreateRequest(urn=ROLE, properties=inputs, preview=True)
    answer = AwsPlugin().Create(request, Call())
    assert (answer.id, answer.properties) == ("", inputs)


@pytest.mark.parametrize(
    ("method", "request_"),
    [
        ("Create", provider_pb2.CreateRequest(urn=ROLE)),
        ("Update", provider_pb2.UpdateRequest(urn=ROLE, preview=True)),
        ("Diff", provider_pb2.DiffRequest(urn=ROLE)),
        ("Read", provider_pb2.ReadRequest(urn=ROLE)),
        ("Delete", provider_pb2.DeleteRequest(urn=ROLE)),
    ],
)
def test_what_an_account_is_needed_for_is_refused_with_the_reason(method: str, request_: Any) -> None:
    with pytest.raises(Refused, match="data-node cannot be") as refused:
        getattr(AwsPlugin(), method)(request_, Call())
    assert REASON in str(refused.value)


def test_nothing_is_told_of_an_account() -> None:
    with pytest.raises(Refused, match=r"aws:eks/getCluster:getCluster cannot be asked: .*README"):
        AwsPlugin().Invoke(provider_pb2.InvokeRequest(tok="aws:eks/getCluster:getCluster"), Call())
