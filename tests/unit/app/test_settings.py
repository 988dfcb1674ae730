from collections.abc import Mapping

import pytest
from pydantic import ValidationError

from app.settings import ApiSettings, WorkerSettings

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
        WorkerSettings()


def test_secrets_do_not_show_in_what_is_printed(environment: Mapping[str, str]) -> None:
    shown = repr(ApiSettings())
    assert not [secret for secret in SECRETS if environment[secret] in shown], "a traceback would carry it into the log"


def test_a_worker_finishes_its_steps_before_the_pod_is_killed(
    environment: Mapping[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("MODEL_API_KEY", "MODEL_VISION", "MODEL_ANSWER"):
        monkeypatch.setenv(name, "x")
    monkeypatch.setenv("MODEL_BASE_URL", "https://model.example/v1")
    settings = WorkerSettings()
    assert settings.model_timeout_seconds < settings.shutdown_seconds < 90
