from django.apps import AppConfig


class SiteConfig(AppConfig):
    """The reference site: what composes the three apps into a server."""

    name = "c4c_site"
    label = "c4c_site"
