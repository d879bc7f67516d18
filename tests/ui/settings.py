"""The site on the tests' database, for servers in processes of their own."""

import json
import os

from tests.settings import *  # noqa: F403
from tests.settings import C4C as SITE_C4C
from tests.settings import DATABASES

DATABASES["default"]["NAME"] = os.environ["UI_DATABASE"]
C4C = {**SITE_C4C, "HOST": "127.0.0.1", **json.loads(os.environ.get("UI_C4C", "{}"))}
DEBUG = True  # the browser is the local operator's
