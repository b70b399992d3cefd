from __future__ import annotations

from typing import Any

from django.apps import AppConfig
from django.core.signals import request_finished


class DashboardConfig(AppConfig):
    name = "dashboard"
    verbose_name = "Users"

    def ready(self) -> None:
        request_finished.connect(keep_sightings, dispatch_uid="keep_sightings")


def keep_sightings(**signal: Any) -> None:
    """After an answer is out, what was seen on the way is kept.

    Where nothing was asked yet, nothing was seen.
    """
    from dashboard import services

    if services.known_customers.cache_info().currsize:
        services.known_customers().save()
