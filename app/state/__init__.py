"""A scan's state in Redis: its record, its photo, its steps' leases and outputs, and the outbox towards the broker.

Every change is one Lua script, so that a record, its version and what is told about it can never disagree.
"""
