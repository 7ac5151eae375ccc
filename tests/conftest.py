"""What every test shares."""

import gc
import signal

from hypothesis import HealthCheck, settings

# No deadline per example: the machine is shared, and a slow second is not a broken law.
settings.register_profile(
    "house", deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True
)
settings.load_profile("house")

pytest_plugins = ["tests.support.broker"]

# Whoever starts the tests in the background has SIGINT ignored, and children inherit that: Ctrl-C
# could not be tested.
signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_finish() -> None:
    """What all the tests import stays: each gateway that starts would look through it again."""
    gc.collect()
    gc.freeze()
