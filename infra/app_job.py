"""Something of the app image that runs once for each image: ServiceAccount and Job."""

import hashlib
from dataclasses import dataclass

import pulumi
from pulumi_kubernetes.batch.v1 import Job, JobSpecArgs
from pulumi_kubernetes.core.v1 import PodTemplateSpecArgs, ServiceAccount
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs

from infra import app_pod
from infra.app_pod import AppPodArgs
from infra.labels import labels

RETRIES = 4
"""With 10 s to 80 s between them, so that a database that restarts meanwhile is there for one of them."""
DEADLINE_SECONDS = 480
"""For all attempts. Below the ten minutes after which Pulumi gives up: the Job then says itself why."""

NO_SIDECAR = {"sidecar.istio.io/inject": "false"}
"""It would outlive the job's own container, and the Job would never end."""


@dataclass(frozen=True, kw_only=True)
class AppJobArgs(AppPodArgs):
    """A job's command may run again at any time, also beside pods of an older image."""


class AppJob(pulumi.ComponentResource):
    """Ready when the job has succeeded. Another image makes another Job, which runs before the old one is deleted."""

    def __init__(self, name: str, args: AppJobArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("eco2:app_job:AppJob", name, None, opts)
        own = labels(args.application, name)
        account = ServiceAccount(
            name,
            metadata=ObjectMetaArgs(name=name, namespace=args.namespace, labels=own),
            automount_service_account_token=False,
            opts=pulumi.ResourceOptions(parent=self),
        )
        Job(
            name,
            metadata=ObjectMetaArgs(
                name=job_name(name, args.images.app),
                namespace=args.namespace,
                labels=own,
                # A Job that has failed stays so: the next update takes a new one instead.
                annotations={"pulumi.com/replaceUnready": "true"},
            ),
            spec=job_spec(name, args),
            opts=pulumi.ResourceOptions(parent=self, depends_on=[account]),
        )
        self.register_outputs({})


def job_name(name: str, image: str) -> str:
    """A finished Job never runs again, so a new image gets a Job of a new name."""
    return f"{name}-{hashlib.sha256(image.encode()).hexdigest()[:10]}"


def job_spec(name: str, args: AppJobArgs) -> JobSpecArgs:
    """Without a time to live: a Job that cleans itself up would be missing at the next update, and run again."""
    spec = app_pod.pod_spec(name, args, app_pod.container(name, args))
    # Not OnFailure: each attempt's pod stays, and with it the log that says why.
    spec.restart_policy = "Never"
    return JobSpecArgs(
        backoff_limit=RETRIES,
        active_deadline_seconds=DEADLINE_SECONDS,
        template=PodTemplateSpecArgs(
            metadata=ObjectMetaArgs(labels={**labels(args.application, name), **NO_SIDECAR}), spec=spec
        ),
    )
