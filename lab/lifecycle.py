"""``up`` from beginning to end."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from lab import packages
from lab.cache import Cache
from lab.cluster import Cluster
from lab.console import Phases, say
from lab.errors import LabError
from lab.image_store import ImageStore
from lab.images import ImageBuilder
from lab.layout import Checkout, cache_root
from lab.lock import exclusive
from lab.manifests import Manifests
from lab.nodes import nodes_of
from lab.preflight import check_machine
from lab.records import Record
from lab.sbom import sbom
from lab.stack import Stack
from lab.teardown import clean_leftovers, take_down
from lab.tools import ORDER, ToolBuilder, all_tools
from lab.workspace import official_pulumi


@dataclass(frozen=True, kw_only=True)
class Options:
    """What ``up`` is asked for."""

    stack: str
    settings: Mapping[str, str] = field(default_factory=dict)
    """Values laid over the stack's own."""
    deploy: bool = True
    """Whether the stack is deployed into the cluster."""
    take_over: bool = False
    """Whether a living lab of another checkout is taken down first, instead of refused."""


@contextmanager
def building_tools(checkout: Checkout, names: Sequence[str] = ORDER) -> Iterator[ToolBuilder]:
    """Build the named tools that are missing, in the background. Be the only one who builds on this machine."""
    cache = Cache(cache_root())
    unneeded = {"pulumi"} if official_pulumi() else set()
    wanted = [tool for tool in all_tools(checkout.lab / "tools") if tool.name in set(names) - unneeded]
    with cache.locked(), closing(ToolBuilder(cache, wanted)) as tools:
        yield tools


@contextmanager
def building_images(checkout: Checkout, tools: ToolBuilder) -> Iterator[ImageBuilder]:
    """Build the images that are missing, in the background."""
    with closing(ImageBuilder(Cache(cache_root()), checkout.root, tools)) as images:
        yield images


def build_tools(checkout: Checkout) -> None:
    """Build the programs and list them."""
    check_machine(checkout)
    with building_tools(checkout) as tools:
        for name, program in sorted(tools.programs().items()):
            say(f"{name}  {program}")


def build_images(checkout: Checkout) -> None:
    """Build programs and images, and list the images."""
    check_machine(checkout)
    packages.install_missing()
    with building_tools(checkout) as tools, building_images(checkout, tools) as images:
        for reference, archive in images.for_nodes().items():
            say(f"{reference}  {archive}")


def write_sbom(checkout: Checkout, out: Path) -> None:
    """Write the bill of materials of the app's image, which is built first where it is missing."""
    check_machine(checkout)
    packages.install_missing()
    with building_tools(checkout) as tools, building_images(checkout, tools) as images:
        text = sbom(images.archive("app"))
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(text + "\n")
    say(f"{out}")


def up(checkout: Checkout, options: Options) -> None:
    """Bring the stack's lab up, or up to date. Raises ``LabError``."""
    nodes_of(options.stack)
    check_machine(checkout)
    phases = Phases()
    with exclusive():
        make_room(checkout, options)
        with phases.phase("packages"):
            packages.install_missing()
        with building_tools(checkout) as tools, building_images(checkout, tools) as images:
            with phases.phase("tools and images"):
                programs = tools.programs()
                images.for_nodes()
            url = run_stack(checkout, options, programs, images, phases)
            tools.prune()
            images.prune()
    say(phases.summary())
    if url:
        say(f"API {url}")


def run_stack(
    checkout: Checkout, options: Options, programs: Mapping[str, Path], images: ImageBuilder, phases: Phases
) -> str:
    """The cluster, and the stack in it if that is asked for; returns the API's URL, or ""."""
    cache = Cache(cache_root())
    store = ImageStore(cache, programs["containerd"], programs["ctr"])
    cluster = Cluster(checkout, options.stack, programs, images, store)
    bring_up(cluster, phases)
    store.prune()
    if not options.deploy:
        return ""
    manifests = Manifests(cache, checkout.lab / "tools", programs["kubectl"])
    with phases.phase("stack"):
        return Stack(checkout, options.stack, options.settings, programs, cluster.pinned_image, manifests).deploy()


def make_room(checkout: Checkout, options: Options) -> None:
    """Deal with a lab that is there already: dead ones go, a living one of another checkout is refused."""
    clean_leftovers()
    record = Record.load()
    if record is None:
        return
    if record.checkout != str(checkout.root):
        if not options.take_over:
            raise LabError(
                f"a lab of {record.checkout} is running on this machine; "
                f"take it down first (make down), or take over with --take-over"
            )
        say(f"taking over from the lab of {record.checkout}")
        take_down(record)
    elif record.stack != options.stack:
        say(f"replacing stack {record.stack}")
        take_down(record)


def bring_up(cluster: Cluster, phases: Phases) -> None:
    """A cluster that is alive is kept and brought up to date; any other is replaced by a new one."""
    record = Record.load()
    reason = cluster.why_not(record) if record else ""
    if record and not reason:
        with phases.phase("images to the nodes"):
            cluster.add_images()
    else:
        if record is not None:
            say(f"the running lab cannot be kept, starting anew: {reason}")
            take_down(record)
        with phases.phase("images unpacked"):
            store = cluster.unpacked_images()
        with phases.phase("nodes"), ExitStack() as undo:
            undo.callback(_take_down_if_recorded)
            cluster.start(store)
            undo.pop_all()
    with phases.phase("add-ons"):
        cluster.apply_addons()
        cluster.wait_ready()


def _take_down_if_recorded() -> None:
    if record := Record.load():
        take_down(record)
