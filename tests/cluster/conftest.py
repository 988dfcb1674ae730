"""The lab that the cluster tests run in: brought up once, removed at the end if these tests brought it up."""

import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser

from tests.cluster.brokers import broker_of
from tests.cluster.clients import ROOT, Broker, Model, Scans, Shell, Stack
from tests.cluster.collector import SETTINGS as TRACING
from tests.cluster.environment import lab_stack, read_environment
from tests.cluster.monitoring import Prometheus
from tests.cluster.outages import Lab
from tests.cluster.pages import PHONE, ScanPage, chromium
from tests.cluster.rewards import BEAT, REWARDS, Rows

LAB = [sys.executable, "-m", "lab"]
FIRST = ("test_growth.py",)
"""It finds one broker and leaves three."""
LAST = ("test_protection.py", "test_tls.py", "test_restore.py", "test_destroy.py", "test_lab.py")
"""They take plain AMQP, the broker, the stack and the lab away from under the others."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--stack", choices=("dev", "prod"), default="dev", help="the stack that the cluster tests run in")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """What is marked ``prod`` runs in that stack only, ``every_stack`` in both, and everything else in dev."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.cluster)
    unwanted = [item for item in items if not runs_in(config.getoption("--stack"), item)]
    config.hook.pytest_deselected(items=unwanted)
    items[:] = [item for item in items if item not in set(unwanted)]
    items.sort(key=order)


def runs_in(stack: str, item: pytest.Item) -> bool:
    if item.get_closest_marker("every_stack"):
        return True
    return bool(item.get_closest_marker("prod")) == (stack == "prod")


def order(item: pytest.Item) -> int:
    names = [*FIRST, "", *LAST]
    return names.index(item.path.name if item.path.name in names else "")


def lab_is_ours() -> bool:
    """This checkout has a lab, be it complete or one whose last ``up`` did not come to its end."""
    status = subprocess.run([*LAB, "status"], cwd=ROOT, capture_output=True, text=True, check=False)
    return status.stdout.startswith(f"lab of {ROOT},")


@pytest.fixture(scope="session")
def shell(pytestconfig: pytest.Config, request: pytest.FixtureRequest) -> Iterator[Shell]:
    """The lab's tools. Progress goes to the terminal: a cold start builds a Kubernetes."""
    was_ours = lab_is_ours()
    capture = pytestconfig.pluginmanager.getplugin("capturemanager")
    stack = pytestconfig.getoption("--stack")
    # Prod has none, so that both ways are seen to work.
    tracing = TRACING if stack == "dev" else {}
    up_command = [
        *LAB,
        "up",
        f"--stack={stack}",
        "--take-over",
        *(f"--set={key}={value}" for key, value in tracing.items()),
    ]
    with capture.global_and_fixture_disabled():
        if any(item.path.name in FIRST for item in request.session.items):
            # A cluster never shrinks: the test that lets it grow needs a new one.
            subprocess.run([*LAB, "down"], cwd=ROOT, check=True)
            up_command.append("--set=rabbitmqReplicas=1")
        up = subprocess.run(up_command, cwd=ROOT, check=False)
    if up.returncode != 0:
        pytest.exit(f"the lab did not come up (exit {up.returncode}), see above and .lab/log", returncode=1)
    yield Shell(read_environment())
    if not was_ours:
        with capture.global_and_fixture_disabled():
            subprocess.run([*LAB, "down"], cwd=ROOT, check=True)


@pytest.fixture(scope="session")
def stack(shell: Shell, pytestconfig: pytest.Config) -> Stack:
    return lab_stack(pytestconfig.getoption("--stack"))


@pytest.fixture(scope="session")
def scans(shell: Shell) -> Iterator[Scans]:
    with httpx.Client(base_url=shell.environment["API_URL"], timeout=30) as http:
        yield Scans(http)


@pytest.fixture(scope="session")
def broker(shell: Shell) -> Iterator[Broker]:
    with broker_of(shell) as found:
        yield found


@pytest.fixture(scope="session")
def lab(shell: Shell, scans: Scans, broker: Broker) -> Lab:
    return Lab(shell, scans, broker)


@pytest.fixture(scope="session")
def model_client(shell: Shell) -> Iterator[Model]:
    with httpx.Client(base_url=f"http://{shell.cluster_ip('model', 'model')}:8000", timeout=30) as http:
        yield Model(http)


@pytest.fixture
def model(model_client: Model) -> Iterator[Model]:
    """A quick model, so that tests wait for what they test; set back to the lab's usual times afterwards."""
    with model_client.set(vision_seconds=0.6, answer_seconds=0.6, fault=None):
        yield model_client


@pytest.fixture(scope="session")
def photos() -> list[Path]:
    found = sorted((ROOT / "tests" / "data").glob("*.jpg"))
    assert found, "the good photos are missing, see tests/data/draw.py"
    return found


@pytest.fixture
def rows(shell: Shell) -> Rows:
    """Of users of the test's own."""
    return Rows(shell, f"test-{uuid.uuid4().hex[:12]}")


@pytest.fixture
def photo(photos: list[Path]) -> Path:
    return photos[0]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """For one module only: others may want to run an event loop."""
    with chromium() as started:
        yield started


@pytest.fixture
def page(browser: Browser, scans: Scans) -> Iterator[ScanPage]:
    """The page on a phone, just opened, with nothing remembered."""
    context = browser.new_context(locale="ko-KR", viewport=PHONE)
    opened = ScanPage(context.new_page(), str(scans.http.base_url).rstrip("/"))
    opened.open()
    yield opened
    context.close()


@pytest.fixture(scope="module")
def hurried(lab: Lab) -> Iterator[None]:
    """Half an hour's schedule of retries and replays passes in half a minute."""
    with lab.env(REWARDS[1], BEAT[1], RETRY_TIME_SCALE="0.02", DEADLETTER_REPLAY_SECONDS="5"):
        yield


@pytest.fixture(scope="session")
def prometheus(shell: Shell) -> Iterator[Prometheus]:
    address = shell.cluster_ip("monitoring", "prometheus")
    with httpx.Client(base_url=f"http://{address}:9090", timeout=30) as http:
        yield Prometheus(http)
