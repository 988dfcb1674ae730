"""All rules of the pack, in the order in which people read them."""

from policies.rule import ResourceRule, StackRule
from policies.rules import broker

RULES: tuple[ResourceRule | StackRule, ...] = (*broker.RULES,)
