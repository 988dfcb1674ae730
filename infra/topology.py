"""The message topology of app/topology.py as the topology operator's custom resources, one for one."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi

from app import topology
from infra.labels import labels
from infra.rabbitmq_objects import RabbitmqObject


@dataclass(frozen=True, kw_only=True)
class TopologyArgs:
    namespace: str
    cluster: Mapping[str, str]
    """The RabbitmqCluster, as ``rabbitmqClusterReference`` takes it."""
    protect: bool
    """Protects what deletes messages with it: the vhost and the queues."""


class Topology(pulumi.ComponentResource):
    """Vhost, exchanges, queues, policies and bindings. Ready when the broker has all of them."""

    vhost: RabbitmqObject

    def __init__(self, name: str, args: TopologyArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("eco2:topology:Topology", name, None, opts)
        self._args = args
        self.vhost = self._declare(
            "Vhost",
            topology.VHOST,
            {"name": topology.VHOST, "defaultQueueType": "quorum"},
            after=(),
            protect=args.protect,
        )
        exchanges = {exchange.name: self._exchange(exchange) for exchange in topology.EXCHANGES}
        queues = {queue.name: self._queue(queue) for queue in topology.QUEUES}
        for policy in topology.POLICIES:
            self._declare("Policy", policy_name(policy), policy_spec(policy), after=(self.vhost,))
        for binding in topology.BINDINGS:
            ends = (exchanges[binding.exchange], queues[binding.queue])
            self._declare("Binding", binding_name(binding), binding_spec(binding), after=ends)
        self.register_outputs({"vhost": topology.VHOST})

    def _exchange(self, exchange: topology.Exchange) -> RabbitmqObject:
        return self._declare("Exchange", object_name(exchange.name), exchange_spec(exchange), after=(self.vhost,))

    def _queue(self, queue: topology.Queue) -> RabbitmqObject:
        name, spec = object_name(queue.name), queue_spec(queue)
        return self._declare("Queue", name, spec, after=(self.vhost,), protect=self._args.protect)

    def _declare(
        self, kind: str, name: str, spec: Mapping[str, Any], *, after: Sequence[pulumi.Resource], protect: bool = False
    ) -> RabbitmqObject:
        return RabbitmqObject(
            f"{kind.lower()}-{name}",
            kind,
            name=name,
            namespace=self._args.namespace,
            labels=labels(topology.VHOST, kind.lower()),
            spec={**spec, "rabbitmqClusterReference": self._args.cluster},
            opts=pulumi.ResourceOptions(parent=self, depends_on=list(after), protect=protect),
        )


def object_name(name: str) -> str:
    """RabbitMQ's name as one that Kubernetes accepts."""
    return re.sub(r"[^a-z0-9]", "-", name)


def binding_name(binding: topology.Binding) -> str:
    """An exchange may lead to a queue by several keys; a key that is the queue's name goes without saying."""
    name = f"{object_name(binding.exchange)}--{object_name(binding.queue)}"
    is_plain = binding.routing_key in ("", binding.queue)
    return name if is_plain else f"{name}--{object_name(binding.routing_key)}"


def policy_name(policy: topology.Policy) -> str:
    return object_name(policy.name)


def exchange_spec(exchange: topology.Exchange) -> dict[str, Any]:
    return {"name": exchange.name, "vhost": topology.VHOST, "type": str(exchange.type), "durable": True}


def queue_spec(queue: topology.Queue) -> dict[str, Any]:
    """The type and nothing more: arguments can never change, what must be able to stands in the queue's policy."""
    return {"name": queue.name, "vhost": topology.VHOST, "type": "quorum", "durable": True}


def policy_spec(policy: topology.Policy) -> dict[str, Any]:
    return {
        "name": policy.name,
        "vhost": topology.VHOST,
        "pattern": policy.pattern,
        "applyTo": str(policy.apply_to),
        "definition": policy.definition,
    }


def binding_spec(binding: topology.Binding) -> dict[str, Any]:
    """Without an empty routing key: the operator drops it when it saves the object, and it would come back for ever."""
    spec = {
        "vhost": topology.VHOST,
        "source": binding.exchange,
        "destination": binding.queue,
        "destinationType": "queue",
    }
    return {**spec, "routingKey": binding.routing_key} if binding.routing_key else spec
