import pytest

from lab.pulumi.kubernetes.settings import SettingsError, read


def variables(**values):
    return {f"kubernetes:config:{name}": value for name, value in values.items()}


def test_stack_configuration_wins_over_the_environment():
    environment = {"PULUMI_K8S_ENABLE_SECRET_MUTABLE": "true", "PULUMI_K8S_DELETE_UNREACHABLE": "true"}
    settings = read(variables(enableSecretMutable="false"), environment)
    assert settings.mutable_secrets is False
    assert settings.delete_unreachable is True


def test_the_defaults_are_the_careful_ones():
    settings = read({}, {})
    assert not any((settings.patch_force, settings.upsert_existing, settings.delete_unreachable))


def test_a_request_timeout_is_taken_from_the_client_settings():
    assert read(variables(kubeClientSettings='{"timeout": 7, "qps": 50}'), {}).request_seconds == 7
    assert read({}, {}).request_seconds is None


@pytest.mark.parametrize("mode", [{"enableServerSideApply": "false"}, {"renderYamlToDirectory": "out"}])
def test_modes_that_would_do_something_else_are_refused(mode):
    with pytest.raises(SettingsError, match="official Kubernetes plugin"):
        read(variables(**mode), {})
