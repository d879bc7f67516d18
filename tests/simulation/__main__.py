"""``python -m tests.simulation wild 17``: one seed alone, with everything that happened."""

from __future__ import annotations

import os
import sys

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
django.setup()

from tests.simulation.trying import SCENES, patient  # noqa: E402  (Django first)


def main() -> None:
    scene, seed = sys.argv[1], int(sys.argv[2])
    with patient():
        cluster = SCENES[scene](seed)
    print("\n".join(cluster.notes))


main()
