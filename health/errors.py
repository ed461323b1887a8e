"""What can go wrong in health.

::

    HealthError
    └── MalformedMetric    a name or label that Prometheus would refuse: a bug of ours
"""

from __future__ import annotations


class HealthError(Exception):
    """Root of what health raises."""


class MalformedMetric(HealthError):
    """A metric name or label that Prometheus would refuse."""
