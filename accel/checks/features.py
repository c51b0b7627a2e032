"""The preflight of kernel features: a finding for each row of accel.ebpf.features."""

from __future__ import annotations

from collections.abc import Iterator

from accel.checks.finding import Finding, fail, ok, warn
from accel.ebpf import features


def check() -> Iterator[Finding]:
    """A finding for each feature, in the order of the table."""
    for feature in features.FEATURES:
        try:
            feature.probe()
        except PermissionError as error:
            yield warn(feature.name, f"not tried: {error.strerror}", "sudo accel check")
        except OSError as error:
            missing = fail if feature.needed else warn
            yield missing(feature.name, f"the kernel has none: {error.strerror}", feature.fix)
        else:
            yield ok(feature.name, feature.use)
