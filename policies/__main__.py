"""The policy pack: ``pulumi preview --policy-pack policies --policy-pack-config policies/<stack>.json``."""

from policies.pack import run

run()
