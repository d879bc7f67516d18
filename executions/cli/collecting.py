"""How often Python looks for circles of garbage in a process that is ours."""

from __future__ import annotations

import gc

SELDOM = (10_000, 20, 50)


def relax() -> None:
    """Look more seldom, once per process; who has chosen to look less often still keeps that.

    Driving executions makes many small objects that go by themselves. At Python's own pace, looking for
    circles among them took a third of an executor's time; what stands when it begins is not looked at again.
    """
    if gc.isenabled() and gc.get_threshold()[0] < SELDOM[0]:
        gc.collect()
        gc.freeze()
        gc.set_threshold(*SELDOM)
