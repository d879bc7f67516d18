from django.apps import AppConfig
from django.utils.module_loading import autodiscover_modules

from procedures import checks  # noqa: F401  (registers them)


class ProceduresConfig(AppConfig):
    """What can be done: typed procedures, found in every installed app's ``procedures`` module."""

    name = "procedures"
    label = "c4c_procedures"
    verbose_name = "Procedures"

    def ready(self) -> None:
        autodiscover_modules("procedures")
