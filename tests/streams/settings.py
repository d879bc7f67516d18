"""A server of its own with nothing but the streams; what differs between servers comes by the environment."""

import json
import os

from tests.settings import *  # noqa: F403
from tests.settings import DATABASES, MIDDLEWARE

ROOT_URLCONF = "tests.streams.urls"
DATABASES["default"]["NAME"] = os.environ["STREAMS_DATABASE"]
MIDDLEWARE = ["django.middleware.gzip.GZipMiddleware", *MIDDLEWARE]
C4C = {"HOST": "127.0.0.1", **json.loads(os.environ["STREAMS_C4C"])}
DEBUG = True
