from django.apps import AppConfig


class DemoConfig(AppConfig):
    """The demo procedures and workflows that the reference site ships."""

    name = "c4c_site.demo"
    label = "c4c_demo"
    verbose_name = "Demo workflows"
