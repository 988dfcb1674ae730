"""The gRPC face of a stand-in for the AWS plugin, which takes part in previews and makes nothing.

In a preview from nothing every resource is one to create, and its inputs are all that is known of it. What would touch
an account, or tell of one, is refused with the reason.
"""

import json
from importlib import metadata
from typing import Any, NoReturn

import grpc
from google.protobuf import empty_pb2
from pulumi.runtime.proto import plugin_pb2, provider_pb2, provider_pb2_grpc

from lab.pulumi.aws.documents import with_texts
from lab.pulumi.kubernetes.values import decode, encode
from lab.pulumi.serving import serve

SDK = "pulumi-aws"
THREADS = 16
REASON = (
    "this is the lab's stand-in for Pulumi's AWS plugin: it takes part in previews and has no account. "
    "Use the official Pulumi CLI, which installs the real plugin by itself (README.md, A real AWS account)"
)


class AwsPlugin(provider_pb2_grpc.ResourceProviderServicer):
    """Says yes to every input, and no to every deed."""

    def Attach(self, request: Any, context: grpc.ServicerContext) -> Any:
        return empty_pb2.Empty()

    def GetPluginInfo(self, request: Any, context: grpc.ServicerContext) -> Any:
        return plugin_pb2.PluginInfo(version=metadata.version(SDK))

    def GetSchema(self, request: Any, context: grpc.ServicerContext) -> Any:
        schema = {"name": "aws", "version": metadata.version(SDK)}
        return provider_pb2.GetSchemaResponse(schema=json.dumps(schema))

    def CheckConfig(self, request: Any, context: grpc.ServicerContext) -> Any:
        return provider_pb2.CheckResponse(inputs=request.news)

    def DiffConfig(self, request: Any, context: grpc.ServicerContext) -> Any:
        return provider_pb2.DiffResponse(changes=provider_pb2.DiffResponse.DIFF_NONE)

    def Configure(self, request: Any, context: grpc.ServicerContext) -> Any:
        return provider_pb2.ConfigureResponse(acceptSecrets=True, supportsPreview=True)

    def Cancel(self, request: Any, context: grpc.ServicerContext) -> Any:
        return empty_pb2.Empty()

    def Check(self, request: Any, context: grpc.ServicerContext) -> Any:
        return provider_pb2.CheckResponse(inputs=encode(with_texts(decode(request.news))))

    def Create(self, request: Any, context: grpc.ServicerContext) -> Any:
        if not request.preview:
            refuse(context, f"{request.urn} cannot be created")
        return provider_pb2.CreateResponse(properties=request.properties)

    def Diff(self, request: Any, context: grpc.ServicerContext) -> Any:
        refuse(context, f"{request.urn} cannot be compared")

    def Update(self, request: Any, context: grpc.ServicerContext) -> Any:
        refuse(context, f"{request.urn} cannot be updated")

    def Read(self, request: Any, context: grpc.ServicerContext) -> Any:
        refuse(context, f"{request.urn} cannot be read")

    def Delete(self, request: Any, context: grpc.ServicerContext) -> Any:
        refuse(context, f"{request.urn} cannot be deleted")

    def Invoke(self, request: Any, context: grpc.ServicerContext) -> Any:
        refuse(context, f"{request.tok} cannot be asked")


def refuse(context: grpc.ServicerContext, what: str) -> NoReturn:
    context.abort(grpc.StatusCode.UNIMPLEMENTED, f"{what}: {REASON}")
    raise AssertionError("abort does not return")


def main() -> None:
    serve(lambda server: provider_pb2_grpc.add_ResourceProviderServicer_to_server(AwsPlugin(), server), threads=THREADS)
