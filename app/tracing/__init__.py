"""Traces: one for each scan, from its POST to the rows of its reward, in OpenTelemetry's words.

Off without an endpoint, and then nothing of OpenTelemetry is imported. ``spans`` is what the app uses; ``names`` is
all that a span may say.
"""
