"""``HYPOTHESIS_EXAMPLES=5000`` looks further than the tests that everybody runs."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

settings.register_profile(
    "c4c",
    max_examples=int(os.environ.get("HYPOTHESIS_EXAMPLES", "800")),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("c4c")
