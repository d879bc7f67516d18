from types import ModuleType

from django.apps import AppConfig

from procedures import checks  # noqa: F401  (registers them)
from procedures.discovery import discover
from procedures.shadows import require_none_needed


class ProceduresConfig(AppConfig):
    """What can be done: typed procedures, found in every installed app's ``procedures`` module."""

    name = "procedures"
    label = "c4c_procedures"
    verbose_name = "Procedures"

    def __init__(self, app_name: str, app_module: ModuleType | None) -> None:
        super().__init__(app_name, app_module)
        require_none_needed()

    def ready(self) -> None:
        discover()
