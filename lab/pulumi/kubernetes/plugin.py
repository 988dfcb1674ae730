"""The gRPC face of the Kubernetes stand-in: one method per request of the engine, all work done elsewhere."""

import functools
import json
import sys
from collections.abc import Callable
from importlib import metadata
from typing import Any

import grpc
from google.protobuf import any_pb2, empty_pb2
from pulumi.runtime.proto import plugin_pb2, provider_pb2, provider_pb2_grpc, status_pb2

from lab.pulumi.kubernetes import operations, planning, settings
from lab.pulumi.kubernetes.applying import OperationError
from lab.pulumi.kubernetes.client import ApiError, Unreachable
from lab.pulumi.kubernetes.differences import Change, Difference, property_path
from lab.pulumi.kubernetes.discovery import KindMissing
from lab.pulumi.kubernetes.engine_log import EngineLog
from lab.pulumi.kubernetes.operations import InitFailed
from lab.pulumi.kubernetes.provider import Provider, connect
from lab.pulumi.kubernetes.values import decode, encode
from lab.pulumi.kubernetes.waiting import NotReady
from lab.pulumi.serving import engine_address, serve

SDK = "pulumi-kubernetes"
THREADS = 128
"""Each resource that is waited for holds one."""

EXPECTED = (ApiError, KindMissing, NotReady, OperationError, Unreachable, ValueError)
"""Errors whose message is all that the user needs."""

DIFF_KINDS = {
    Change.ADD: (provider_pb2.PropertyDiff.ADD, provider_pb2.PropertyDiff.ADD_REPLACE),
    Change.DELETE: (provider_pb2.PropertyDiff.DELETE, provider_pb2.PropertyDiff.DELETE_REPLACE),
    Change.UPDATE: (provider_pb2.PropertyDiff.UPDATE, provider_pb2.PropertyDiff.UPDATE_REPLACE),
}


Method = Callable[["KubernetesPlugin", Any, grpc.ServicerContext], Any]


def answered(method: Method) -> Method:
    """Turn what goes wrong into the answer that the engine expects."""

    @functools.wraps(method)
    def answer(plugin: "KubernetesPlugin", request: Any, context: grpc.ServicerContext) -> Any:
        try:
            return method(plugin, request, context)
        except InitFailed as error:
            failed = error
        except EXPECTED as error:
            return context.abort(grpc.StatusCode.UNKNOWN, str(error))
        return _abort_with_state(context, failed)

    return answer


class KubernetesPlugin(provider_pb2_grpc.ResourceProviderServicer):
    """One process serves one configured provider."""

    def __init__(self, engine: str) -> None:
        self._log = EngineLog(engine)
        self._provider = Provider(settings.Settings(), self._log, unreachable="the provider is not configured")

    def Attach(self, request: Any, context: grpc.ServicerContext) -> Any:
        self._log = EngineLog(request.address)
        return empty_pb2.Empty()

    def GetPluginInfo(self, request: Any, context: grpc.ServicerContext) -> Any:
        return plugin_pb2.PluginInfo(version=metadata.version(SDK))

    def GetSchema(self, request: Any, context: grpc.ServicerContext) -> Any:
        schema = {"name": "kubernetes", "version": metadata.version(SDK)}
        return provider_pb2.GetSchemaResponse(schema=json.dumps(schema))

    def CheckConfig(self, request: Any, context: grpc.ServicerContext) -> Any:
        return provider_pb2.CheckResponse(inputs=request.news)

    def DiffConfig(self, request: Any, context: grpc.ServicerContext) -> Any:
        kinds = provider_pb2.DiffResponse.DiffChanges
        changes = kinds.DIFF_SOME if request.olds != request.news else kinds.DIFF_NONE
        return provider_pb2.DiffResponse(changes=changes)

    @answered
    def Configure(self, request: Any, context: grpc.ServicerContext) -> Any:
        self._provider = connect(settings.read(request.variables), self._log)
        return provider_pb2.ConfigureResponse(
            acceptSecrets=True, supportsPreview=True, supports_autonaming_configuration=True
        )

    def Cancel(self, request: Any, context: grpc.ServicerContext) -> Any:
        self._provider.cancelled.set()
        return empty_pb2.Empty()

    @answered
    def Check(self, request: Any, context: grpc.ServicerContext) -> Any:
        provider = self._provider
        if provider.cluster is None and provider.settings.skip_update_unreachable:
            return provider_pb2.CheckResponse(inputs=request.olds)
        olds, news = decode(request.olds), decode(request.news)
        autonaming = request.autonaming if request.HasField("autonaming") else None
        try:
            inputs = planning.check(provider, request.type, request.name, olds, news, request.randomSeed, autonaming)
        except planning.InputError as error:
            failure = provider_pb2.CheckFailure(property=error.field, reason=str(error))
            return provider_pb2.CheckResponse(inputs=request.news, failures=[failure])
        return provider_pb2.CheckResponse(inputs=request.news if inputs == news else encode(inputs))

    @answered
    def Diff(self, request: Any, context: grpc.ServicerContext) -> Any:
        state, news = decode(request.olds), decode(request.news)
        return _diff_response(planning.diff(self._provider, request.type, state, news, request.ignoreChanges))

    @answered
    def Create(self, request: Any, context: grpc.ServicerContext) -> Any:
        news, preview = decode(request.properties), request.preview
        made = operations.create(
            self._provider, request.urn, request.type, news, seconds=request.timeout, preview=preview
        )
        if made is None:
            return provider_pb2.CreateResponse(id="", properties=request.properties)
        return provider_pb2.CreateResponse(id=made.id, properties=encode(made.state))

    @answered
    def Update(self, request: Any, context: grpc.ServicerContext) -> Any:
        state, news = decode(request.olds), decode(request.news)
        ignored, seconds, preview = list(request.ignoreChanges), request.timeout, request.preview
        made = operations.update(
            self._provider, request.urn, state, news, ignored=ignored, seconds=seconds, preview=preview
        )
        return provider_pb2.UpdateResponse(properties=encode(made.state) if made else request.news)

    @answered
    def Read(self, request: Any, context: grpc.ServicerContext) -> Any:
        state, inputs = decode(request.properties), decode(request.inputs)
        made = operations.read(self._provider, request.urn, request.type, request.id, state, inputs)
        if made is None:
            return provider_pb2.ReadResponse(id="")
        return provider_pb2.ReadResponse(id=made.id, properties=encode(made.state), inputs=encode(made.inputs or {}))

    @answered
    def Delete(self, request: Any, context: grpc.ServicerContext) -> Any:
        state = decode(request.properties)
        operations.delete(self._provider, request.urn, request.type, request.id, state, seconds=request.timeout)
        return empty_pb2.Empty()

    def Invoke(self, request: Any, context: grpc.ServicerContext) -> Any:
        context.abort(grpc.StatusCode.UNIMPLEMENTED, f"{request.tok} needs the official Kubernetes plugin")

    def Construct(self, request: Any, context: grpc.ServicerContext) -> Any:
        context.abort(grpc.StatusCode.UNIMPLEMENTED, f"{request.type} needs the official Kubernetes plugin")


def _abort_with_state(context: grpc.ServicerContext, error: InitFailed) -> Any:
    """Fail, and give the engine the object's state along, which has to be remembered nevertheless."""
    detail = provider_pb2.ErrorResourceInitFailed(
        id=error.made.id,
        properties=encode(error.made.state),
        reasons=error.reasons,
        inputs=encode(error.made.inputs) if error.made.inputs is not None else None,
    )
    packed = any_pb2.Any()
    packed.Pack(detail)
    status = status_pb2.Status(code=grpc.StatusCode.UNKNOWN.value[0], message=str(error), details=[packed])
    context.set_trailing_metadata((("grpc-status-details-bin", status.SerializeToString()),))
    return context.abort(grpc.StatusCode.UNKNOWN, str(error))


def _diff_response(plan: planning.Plan) -> Any:
    def detail(item: Difference) -> Any:
        kind = DIFF_KINDS[item.change][item in plan.replacing]
        return provider_pb2.PropertyDiff(kind=kind, inputDiff=item.change is Change.DELETE)

    kinds = provider_pb2.DiffResponse.DiffChanges
    return provider_pb2.DiffResponse(
        changes=kinds.DIFF_SOME if plan.found else kinds.DIFF_NONE,
        replaces=[property_path(item.path) for item in plan.replacing],
        deleteBeforeReplace=plan.delete_first,
        detailedDiff={property_path(item.path): detail(item) for item in plan.found},
        hasDetailedDiff=True,
    )


def main() -> None:
    plugin = KubernetesPlugin(engine_address(sys.argv[1:]))
    serve(
        lambda server: provider_pb2_grpc.add_ResourceProviderServicer_to_server(plugin, server),
        threads=THREADS,
    )
