from collections.abc import Mapping

import pytest
from pydantic import ValidationError

from app.settings import ApiSettings, RewardWorkerSettings, ScanWorkerSettings

SECRETS = ("RABBITMQ_PASSWORD", "REDIS_PASSWORD")


@pytest.mark.parametrize("secret", SECRETS)
def test_the_api_does_not_start_without_a_secret(
    environment: Mapping[str, str], monkeypatch: pytest.MonkeyPatch, secret: str
) -> None:
    monkeypatch.delenv(secret)
    with pytest.raises(ValidationError, match=secret.lower()):
        ApiSettings()


def test_the_worker_does_not_start_without_the_models_key(
    environment: Mapping[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MODEL_API_KEY", raising=False)
    with pytest.raises(ValidationError, match="model_api_key"):
        ScanWorkerSettings()


def test_secrets_do_not_show_in_what_is_printed(environment: Mapping[str, str]) -> None:
    shown = repr(ApiSettings())
    assert not [secret for secret in SECRETS if environment[secret] in shown], "a traceback would carry it into the log"


def test_a_worker_finishes_its_steps_before_the_pod_is_killed(
    environment: Mapping[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("MODEL_API_KEY", "MODEL_VISION", "MODEL_ANSWER"):
        monkeypatch.setenv(name, "x")
    monkeypatch.setenv("MODEL_BASE_URL", "https://model.example/v1")
    settings = ScanWorkerSettings()
    assert settings.model_timeout_seconds < settings.shutdown_seconds < 90


def test_the_reward_worker_needs_no_model_but_character(
    environment: Mapping[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ValidationError, match="character_host"):
        RewardWorkerSettings()
    monkeypatch.setenv("CHARACTER_HOST", "character")
    settings = RewardWorkerSettings()
    assert settings.retry_time_scale == 1, "in production the ladder's delays are what they say"
    assert settings.character_timeout_seconds < settings.shutdown_seconds < 90
