"""The reference site as it is, with more patience: a busy machine must not look like a caller sent away."""

from c4c_site.settings import *  # noqa: F403
from c4c_site.settings import C4C

C4C = {**C4C, "WAIT_SECONDS": 90.0}
