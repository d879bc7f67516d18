from django.apps import AppConfig


class ScriptedConfig(AppConfig):
    """Found by name in ``tests.settings``; its tables are made without migrations."""

    name = "tests.scripted"
    label = "scripted"
    default_auto_field = "django.db.models.BigAutoField"
