"""PostgreSQL as a service of AWS: RDS in two zones, encrypted, with backups, and not to be deleted by mistake."""

import math
from dataclasses import dataclass

import pulumi
from pulumi_aws.rds import Instance, ParameterGroup, ParameterGroupParameterArgs, SubnetGroup

from infra.aws_settings import Aws
from infra.checks import SettingsError, check_store_password
from infra.iam import TAGS
from infra.postgres_config import DATABASE, PORT, USER
from infra.private_access import private_access
from infra.quantities import amount
from infra.settings import Postgres

VERSION = "17"
FAMILY = "postgres17"
LEAST_GIB = 20
GIB = 2**30
BACKUP_DAYS = 14


@dataclass(frozen=True, kw_only=True)
class RdsArgs:
    settings: Aws
    postgres: Postgres
    protect: bool

    def __post_init__(self) -> None:
        if self.postgres.host:
            raise SettingsError(
                f"rdsInstanceClass and postgresHost ({self.postgres.host}) are both set: which one has the rewards?"
            )

    @property
    def storage_gib(self) -> int:
        return max(LEAST_GIB, math.ceil(amount(self.postgres.storage) / GIB))


class Rds(pulumi.ComponentResource):
    """Ready when the database takes connections."""

    host: pulumi.Output[str]
    """Name of the instance that is in use, whichever zone that is in."""

    def __init__(self, name: str, args: RdsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("eco2:rds:Rds", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        subnets = SubnetGroup(name, subnet_ids=list(args.settings.subnets), tags=TAGS, opts=child)
        access = private_access(name, PORT, args.settings, child)
        parameters = ParameterGroup(
            name,
            family=FAMILY,
            # A client that does not ask for TLS is refused.
            parameters=[ParameterGroupParameterArgs(name="rds.force_ssl", value="1")],
            tags=TAGS,
            opts=child,
        )
        server = Instance(
            name,
            engine="postgres",
            engine_version=VERSION,
            instance_class=args.settings.rds_instance_class,
            db_name=DATABASE,
            username=USER,
            password=args.postgres.password.apply(rds_password),
            port=PORT,
            db_subnet_group_name=subnets.name,
            vpc_security_group_ids=[access.id],
            parameter_group_name=parameters.name,
            publicly_accessible=False,
            multi_az=True,
            storage_type="gp3",
            allocated_storage=args.storage_gib,
            max_allocated_storage=2 * args.storage_gib,
            storage_encrypted=True,
            backup_retention_period=BACKUP_DAYS,
            delete_automated_backups=False,
            copy_tags_to_snapshot=True,
            deletion_protection=args.protect,
            skip_final_snapshot=False,
            final_snapshot_identifier=f"eco2-{name}-final",
            enabled_cloudwatch_logs_exports=["postgresql"],
            auto_minor_version_upgrade=True,
            apply_immediately=True,
            tags=TAGS,
            opts=pulumi.ResourceOptions(parent=self, protect=args.protect),
        )
        self.host = server.address
        self.register_outputs({"host": self.host})


def rds_password(password: str) -> str:
    """RDS takes no slash, which PostgreSQL itself does."""
    return check_store_password("postgresPassword", password, refused="/")
