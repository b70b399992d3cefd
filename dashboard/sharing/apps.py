from django.apps import AppConfig


class SharingConfig(AppConfig):
    name = "dashboard.sharing"
    label = "sharing"
