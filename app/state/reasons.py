"""Why scans fail: the codes and sentences that clients see in a status' ``error``."""

from enum import StrEnum


class Reason(StrEnum):
    """The ``code`` of an error."""

    MODEL_UNAVAILABLE = "model_unavailable"
    MODEL_REJECTED = "model_rejected"
    INPUT_EXPIRED = "input_expired"
    WAITED_TOO_LONG = "waited_too_long"
    """No worker came to its message within the queue's TTL."""
    UNDELIVERABLE = "undeliverable"
    """Its message could not be read, was delivered too often, or found no queue."""
    WORKERS_LOST = "workers_lost"
    """One worker after another ended while it ran a step of this scan."""
    INTERNAL = "internal_error"


_MESSAGES = {
    Reason.MODEL_UNAVAILABLE: "지금은 답을 드릴 수 없어요. 잠시 뒤에 다시 시도해 주세요.",
    Reason.MODEL_REJECTED: "이 사진은 분석할 수 없어요. 다른 사진으로 시도해 주세요.",
    Reason.INPUT_EXPIRED: "사진의 보관 시간이 지났어요. 사진을 다시 올려 주세요.",
    Reason.WAITED_TOO_LONG: "차례가 너무 오래 오지 않았어요. 다시 시도해 주세요.",
    Reason.UNDELIVERABLE: "요청을 전달하지 못했어요. 다시 시도해 주세요.",
    Reason.WORKERS_LOST: "이 사진은 처리할 수 없어요. 다른 사진으로 시도해 주세요.",
    Reason.INTERNAL: "처리하는 중에 문제가 생겼어요. 다시 시도해 주세요.",
}


def error_of(reason: Reason) -> dict[str, str]:
    """The status' ``error``."""
    return {"code": reason, "message": _MESSAGES[reason]}
