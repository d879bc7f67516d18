"""The site for ASGI servers: ``c4c serve``, Daphne, uvicorn."""

import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "c4c_site.settings")
application = get_asgi_application()
