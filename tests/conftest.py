"""What every test shares."""

from hypothesis import HealthCheck, settings

# No deadline per example: the machine is shared, and a slow second is not a broken law.
settings.register_profile(
    "house", deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True
)
settings.load_profile("house")

pytest_plugins = ["tests.support.broker"]
