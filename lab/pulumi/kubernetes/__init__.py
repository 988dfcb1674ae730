"""A stand-in for the Pulumi Kubernetes provider: the same inputs, state and awaits, on the Kubernetes API alone.

What a request goes through, from the outside in: ``plugin`` (gRPC) → ``planning`` (check, diff) or ``operations``
(create, read, update, delete) → ``applying`` and ``waiting`` → ``cluster`` and ``client`` (HTTP). ``values`` is the
language between the first two: plain Python data with marks for what is secret or not known yet.
"""
