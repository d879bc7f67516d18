from importlib import import_module

from django.apps import AppConfig

from executions import checks  # noqa: F401 (registers them)


class ExecutionsConfig(AppConfig):
    """Making it happen, and remembering it."""

    name = "executions"
    label = "c4c_executions"
    verbose_name = "Executions"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """What executors do beside driving registers itself."""
        import_module("executions.operations.bulk")
