"""The pack around the rules: names, messages, secrets, unknown values, and the table of README.md."""

import importlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pulumi_policy.policy as sdk
import pytest
from google.protobuf.struct_pb2 import Struct
from pulumi.runtime.proto import analyzer_pb2
from pulumi_policy import EnforcementLevel, proxy

from policies import decoding
from policies.exceptions import EXEMPT
from policies.judging import judge
from policies.pack import policy
from policies.readme import README, written
from policies.registry import RULES
from policies.resources import UNKNOWN, Resource, Stack
from policies.rule import ResourceRule, Setting, Settings, StackRule, Violation
from tests.unit.conftest import SECRET, SPECIAL
from tests.unit.policies.conftest import kubernetes, recorded
from tests.unit.policies.conftest import rule as named

QUEUE = kubernetes("Queue", "scan-vision", {"type": "classic", "password": "hidden"}, secrets=["spec.password"])


def check_type(queue: Resource, settings: Settings) -> Iterator[Violation]:
    for key in ("type", "password"):
        yield Violation(queue, f"spec.{key}", queue.get(f"spec.{key}"), settings["wanted"])


def fails(queue: Resource, settings: Settings) -> Iterator[Violation]:
    raise KeyError("nobody")
    yield


def rule(check: Any = check_type, **more: Any) -> ResourceRule:
    return ResourceRule(
        name="require-quorum",
        description="Queues are quorum queues.",
        remedy="Declare it anew",
        kinds=("Queue",),
        settings={"wanted": Setting("quorum", "the type")},
        check=check,
        **more,
    )


def test_a_message_says_the_resource_the_property_what_it_is_and_how_to_mend_it() -> None:
    found = judge(rule(), QUEUE, {})[0]
    assert found.message == "Queue scan/scan-vision: spec.type is classic, wanted quorum. Declare it anew"
    assert found.urn == QUEUE.urn


def test_a_secret_is_never_shown() -> None:
    assert [one.message for one in judge(rule(), QUEUE, {})][1].startswith(
        "Queue scan/scan-vision: spec.password is [secret], wanted"
    )


def test_a_stacks_choice_takes_the_place_of_the_default() -> None:
    assert "wanted classic" in judge(rule(), QUEUE, {"wanted": "classic"})[0].message


def test_a_rule_that_fails_is_named_and_stops_the_change() -> None:
    (found,) = judge(rule(fails), QUEUE, {})
    assert found.message == "the rule require-quorum itself failed, KeyError: 'nobody'"


def test_what_is_not_known_yet_is_no_violation() -> None:
    assert not judge(rule(), kubernetes("Queue", "q", {"type": UNKNOWN, "password": [UNKNOWN]}), {})


def test_a_rule_on_the_whole_stack_says_which_resource_it_means() -> None:
    def check(stack: Stack, settings: Settings) -> Iterator[Violation]:
        yield Violation(stack.resources[0], "spec.type", "classic", "quorum")

    whole = StackRule(name="require-it", description="It is there.", remedy="Do it", check=check)
    assert judge(whole, Stack((QUEUE,)), {})[0].urn == QUEUE.urn


def test_properties_are_decoded_once_with_secrets_and_unknown_values(monkeypatch: pytest.MonkeyPatch) -> None:
    message = Struct()
    message.update(
        {"port": 5672, "image": proxy.UNKNOWN_STRING_VALUE, "data": {"key": {SPECIAL: SECRET, "value": "x"}}}
    )
    messages = decoding.Messages()
    properties = messages.MessageToDict(message)
    assert dict(properties) == {"port": 5672, "image": UNKNOWN, "data": {"key": "x"}}
    assert properties.secrets == {"data.key"}
    assert isinstance(properties["port"], int)
    monkeypatch.setattr(decoding.json_format, "MessageToDict", None)
    assert messages.MessageToDict(message)["port"] == 5672


def test_what_nobody_looks_at_is_never_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoding.json_format, "MessageToDict", None)
    decoding.Messages().MessageToDict(Struct())


def test_a_pack_takes_its_settings_and_answers_the_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("json_format", "deserialize_properties", "unknown_checking_proxy"):
        monkeypatch.setattr(sdk, name, getattr(sdk, name))
    decoding.install()
    analyzer = sdk._PolicyAnalyzerServicer("eco2", "1.0.0", [policy(rule())], EnforcementLevel.ADVISORY)
    configured = analyzer_pb2.ConfigureAnalyzerRequest()
    configured.policyConfig["require-quorum"].properties.update({"wanted": "classic"})
    analyzer.Configure(configured, None)
    request = analyzer_pb2.AnalyzeRequest(type=QUEUE.type, urn=QUEUE.urn, name=QUEUE.name)
    request.properties.update({"metadata": {"name": "q"}, "spec": {"type": "stream"}})
    assert "spec.type is stream, wanted classic" in analyzer.Analyze(request, None).diagnostics[0].message
    assert not analyzer.Remediate(request, None).remediations
    assert analyzer.GetAnalyzerInfo(None, None).policies[0].name == "require-quorum"


def test_names_are_different_and_begin_with_a_verb() -> None:
    names = [one.name for one in RULES]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch(r"(require|forbid|limit|protect|keep|spread|cover)(-[a-z0-9]+)+", name) for name in names)


def test_every_rule_says_what_must_hold_and_how_to_mend_it() -> None:
    for one in RULES:
        assert one.description.endswith("."), one.name
        assert not one.remedy.endswith("."), f"{one.name}: a message ends as it is"
        assert policy(one).name == one.name


def test_the_table_of_the_rules_is_that_of_the_code() -> None:
    assert README.read_text() == written(README.read_text()), "it is stale: python -m policies.readme"


def test_every_rule_has_a_case_that_it_stops_and_one_that_it_lets_pass() -> None:
    modules = [
        importlib.import_module(f"tests.unit.policies.{file.stem}") for file in Path(__file__).parent.glob("test_*")
    ]
    cases = [case for module in modules for case in getattr(module, "CASES", [])]
    assert {case.rule for case in cases} == {one.name for one in RULES}


def test_nobody_is_let_off_a_rule_without_need() -> None:
    unlike = [one for one in EXEMPT if not any(one.covers(one.rule, made) for made in recorded("prod").resources)]
    assert not unlike, "there is no such object"
    for one in EXEMPT:
        exempt = [made for made in recorded("prod").resources if one.covers(one.rule, made)]
        assert all(found for made in exempt for found in [rule_violations(one.rule, made)]), f"{one} is not needed"


def rule_violations(name: str, made: Resource) -> list[Violation]:
    found = named(name)
    assert isinstance(found, ResourceRule)
    return list(found.check(made, found.chosen({})))
