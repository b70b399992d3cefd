from __future__ import annotations

from typing import Any

from allauth.account.signals import user_logged_in
from django.apps import AppConfig
from django.core.signals import request_finished


class DashboardConfig(AppConfig):
    name = "dashboard"
    verbose_name = "Users"

    def ready(self) -> None:
        from dashboard.server import waiting
        from dashboard.web import logging

        request_finished.connect(keep_sightings, dispatch_uid="keep_sightings")
        waiting.count_requests()
        request_finished.connect(logging.unbind_request_id, dispatch_uid="unbind_request_id")
        user_logged_in.connect(count_signed_in, dispatch_uid="count_signed_in")


def count_signed_in(**signal: Any) -> None:
    from dashboard.metrics.counts import count_sign_in

    count_sign_in("signed-in")


def keep_sightings(**signal: Any) -> None:
    """Stores the customers, features and names that a response contained, after it was sent.

    Without a service there is nothing to store.
    """
    from dashboard import services
    from dashboard.web.database import close_old_connections

    if services.known_customers.cache_info().currsize:
        services.known_customers().save()
    if services.customer_names.cache_info().currsize:
        services.customer_names().finish()
    close_old_connections()  # Django has closed the request's own before this opened another one
