"""The reference site's settings, made quick for tests, with the scripted procedures."""

from c4c_site.settings import *  # noqa: F403
from c4c_site.settings import C4C, DATABASES, INSTALLED_APPS

C4C = {**C4C, "OFFLOAD_BYTES": None}  # as with DATABASE_URL: what a test says of limits holds for both
INSTALLED_APPS = [*INSTALLED_APPS, "tests.scripted"]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
# Without a pool: a test's database is dropped, and an idle connection would not let it go.
DATABASES["default"].get("OPTIONS", {}).pop("pool", None)
