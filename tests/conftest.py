"""What every test shares: how hard hypothesis tries."""

import os

from hypothesis import HealthCheck, settings

# Wall time on shared machines is noise, so no property has a deadline of its own.
settings.register_profile(
    "suite", max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("fuzz", parent=settings.get_profile("suite"), max_examples=20_000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "suite"))
