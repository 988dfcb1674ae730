"""The rules as policies of Pulumi's, and the pack that the engine runs."""

from typing import Any

from pulumi_policy import (
    EnforcementLevel,
    Policy,
    PolicyConfigSchema,
    PolicyPack,
    PolicyResource,
    ReportViolation,
    ResourceValidationArgs,
    ResourceValidationPolicy,
    StackValidationArgs,
    StackValidationPolicy,
)

from policies import decoding
from policies.judging import judge
from policies.registry import RULES
from policies.resources import Properties, Resource, Stack
from policies.rule import ResourceRule, Rule, StackRule

NAME = "eco2"


def run() -> None:
    """Serve the pack to the engine until that ends the process."""
    decoding.install()
    PolicyPack(NAME, [policy(rule) for rule in RULES])


def policy(rule: ResourceRule | StackRule) -> Policy:
    described: dict[str, Any] = {
        "name": rule.name,
        "description": rule.description,
        "enforcement_level": EnforcementLevel(rule.level.value),
        "config_schema": schema(rule),
        "remediation_steps": rule.remedy,
    }
    match rule:
        case ResourceRule():
            return ResourceValidationPolicy(validate=_resource_validation(rule), **described)
        case StackRule():
            return StackValidationPolicy(validate=_stack_validation(rule), **described)


def schema(rule: Rule) -> PolicyConfigSchema | None:
    if not rule.settings:
        return None
    return PolicyConfigSchema({name: setting.schema for name, setting in rule.settings.items()})


def _resource_validation(rule: ResourceRule) -> Any:
    def validate(args: ResourceValidationArgs, report: ReportViolation) -> None:
        for found in judge(rule, resource(args), args.get_config()):
            report(found.message, None)

    return validate


def _stack_validation(rule: StackRule) -> Any:
    def validate(args: StackValidationArgs, report: ReportViolation) -> None:
        stack = Stack(tuple(map(resource, args.resources)))
        for found in judge(rule, stack, args.get_config()):
            report(found.message, found.urn or None)

    return validate


def resource(args: ResourceValidationArgs | PolicyResource) -> Resource:
    # What decoding.install() lets pulumi-policy hand out.
    assert isinstance(args.props, Properties)
    return Resource(
        type=args.resource_type, name=args.name, urn=args.urn, properties=args.props, protected=args.opts.protect
    )
