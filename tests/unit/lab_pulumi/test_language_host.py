import json

import pytest
from pulumi.runtime.proto import analyzer_pb2
from pulumi.runtime.proto import language_pb2 as language

from lab.pulumi import packages
from lab.pulumi.language_host import interpreter, program_command, program_environment
from lab.pulumi.policy_pack import configuration
from lab.pulumi.program import parse_arguments, program_traceback
from lab.pulumi.serving import engine_address


def request(**fields):
    info = language.ProgramInfo(root_directory="/project", program_directory="/project/stacks", entry_point=".")
    return language.RunRequest(
        info=info, project="p", stack="dev", monitor_address="m:1", pwd="/project/stacks", parallel=8, **fields
    )


def parsed(run):
    command = program_command(run, "e:1")
    return parse_arguments(command[command.index("lab.pulumi.program") + 1 :])


def test_the_program_is_told_everything_that_the_engine_said():
    run = parsed(request(dryRun=True, args=["--flag", "x"]))
    assert (run.engine, run.monitor, run.project, run.stack, run.parallel) == ("e:1", "m:1", "p", "dev", 8)
    assert run.preview
    assert run.entry_point == "/project/stacks/."
    assert run.arguments == ["--flag", "x"]
    assert not parsed(request()).preview


def test_nothing_but_the_programs_folder_comes_on_the_module_path():
    assert "-P" in program_command(request(), ""), "a program would find modules here that it does not find elsewhere"


def test_configuration_and_its_secret_keys_travel_in_the_environment():
    environment = program_environment(request(config={"eco2:a": "1"}, configSecretKeys=["eco2:a"]))
    assert json.loads(environment["PULUMI_CONFIG"]) == {"eco2:a": "1"}
    assert json.loads(environment["PULUMI_CONFIG_SECRET_KEYS"]) == ["eco2:a"]


def test_a_virtual_environment_that_is_none_is_named(tmp_path):
    info = language.ProgramInfo(root_directory=str(tmp_path))
    info.options.update({"virtualenv": "venv"})
    with pytest.raises(FileNotFoundError, match="'venv'"):
        interpreter(info)


def test_the_engines_address_is_the_argument_that_is_no_flag():
    assert engine_address(["-root=/project", "127.0.0.1:5"]) == "127.0.0.1:5"
    assert engine_address([]) == ""


def test_a_traceback_begins_in_the_users_project(tmp_path):
    code = compile("def boom():\n    raise ValueError('broken')", str(tmp_path / "main.py"), "exec")
    scope: dict = {}
    exec(code, scope)
    with pytest.raises(ValueError, match="broken") as caught:
        scope["boom"]()
    shown = program_traceback(caught.value, str(tmp_path))
    assert "main.py" in shown
    assert "test_language_host" not in shown, "the way to the program is none of the user's business"


def test_a_policy_pack_learns_of_its_stack_by_environment():
    told = analyzer_pb2.AnalyzerStackConfigureRequest(stack="dev", project="p", dry_run=True, config={"eco2:a": "1"})
    assert configuration(told.SerializeToString()) == {
        "PULUMI_STACK": "dev",
        "PULUMI_PROJECT": "p",
        "PULUMI_DRY_RUN": "true",
        "PULUMI_CONFIG": '{"eco2:a": "1"}',
    }


def test_direct_dependencies_are_a_part_of_all():
    direct, every = packages.dependencies(transitive=False), packages.dependencies(transitive=True)
    assert set(direct) < set(every)
    assert "pulumi" in dict(every)
