from importlib import import_module

from django.apps import AppConfig
from django.utils.module_loading import autodiscover_modules


class WorkflowsConfig(AppConfig):
    """What should happen: definitions, found in every installed app's ``workflows`` module."""

    name = "workflows"
    label = "c4c_workflows"
    verbose_name = "Workflows"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        import_module("workflows.checks")  # registers them; their imports need the models
        autodiscover_modules("workflows")
