"""What scan.answer hands to scan.reward.

It says all that is to be known: its message may be delivered hours after the scan's state has expired, and again from
among the dead letters days later.
"""

from collections.abc import Mapping
from typing import Annotated, Any
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from app.character.rewards import Classification


class BadOrder(ValueError):
    """It is no order, and trying again makes it none."""


def _uuid(text: str) -> str:
    if str(UUID(text)) != text:
        raise ValueError("not a UUID in its usual form")
    return text


Category = Annotated[str, Field(min_length=1, max_length=100)]


class _Categories(BaseModel):
    model_config = ConfigDict(strict=True)

    major_category: Category
    middle_category: Category | None = None
    minor_category: Category | None = None


class RewardOrder(BaseModel):
    """Whose scan is to be rewarded, and by what that is decided."""

    model_config = ConfigDict(strict=True, frozen=True)

    task_id: Annotated[str, Field(max_length=36), AfterValidator(_uuid)]
    user_id: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,128}$")]
    categories: Annotated[_Categories, Field(alias="classification")]
    has_rules: bool
    insufficient: bool
    """Something is still to be done before the thing can be thrown away."""

    @property
    def classification(self) -> Classification:
        return Classification(**self.categories.model_dump())

    @property
    def may_earn(self) -> bool:
        """False where nothing is to be asked: no rule holds, or the thing is not ready to be thrown away."""
        return self.has_rules and not self.insufficient


def order_argument(
    *, task_id: str, user_id: str, classification: Mapping[str, Any], has_rules: bool, insufficient: bool
) -> dict[str, Any]:
    """The argument of scan.reward's message."""
    return {
        "task_id": task_id,
        "user_id": user_id,
        "classification": dict(classification),
        "has_rules": has_rules,
        "insufficient": insufficient,
    }


def read_order(argument: Any) -> RewardOrder:
    """Reads it again. Raises ``BadOrder``, which says what is wrong but not what stands there."""
    try:
        return RewardOrder.model_validate(argument)
    except ValidationError as error:
        faults = [f"{'.'.join(map(str, fault['loc']))}: {fault['type']}" for fault in error.errors()[:3]]
        raise BadOrder("; ".join(faults)) from error
