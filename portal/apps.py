from django.apps import AppConfig


class PortalConfig(AppConfig):
    name = "portal"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        pass  # from portal.accounts import signals  # noqa: F401 - connects the audit log's receivers
