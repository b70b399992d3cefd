from __future__ import annotations

from django.contrib import admin
from django.urls import include, path

from dashboard.pages import routes
from dashboard.sharing.urls import urlpatterns as sharing
from dashboard.web import health

urlpatterns = [
    path("", routes.overview, name="overview"),
    path("events/", routes.events, name="events"),
    path("events/histogram/", routes.histogram, name="histogram"),
    path("events/facets/", routes.facets, name="facets"),
    path("events/more/", routes.more, name="more"),
    path("events/live/", routes.live, name="live"),
    path("events/export.csv", routes.events_csv, name="events-csv"),
    path("events/export.jsonl", routes.events_jsonl, name="events-jsonl"),
    path("events/export/", routes.events_export, name="events-export"),
    path("usage/", routes.usage, name="usage"),
    path("usage/export.csv", routes.usage_csv, name="usage-csv"),
    path("customers/", routes.customers, name="customers"),
    path("customers/<path:customer_id>", routes.customer, name="customer"),
    *sharing,
    path("accounts/", include("dashboard.accounts.urls")),
    path("admin/", admin.site.urls),
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
]

handler400 = "dashboard.error_views.bad_request"
handler403 = "dashboard.error_views.forbidden"
handler404 = "dashboard.error_views.not_found"
handler429 = "dashboard.error_views.too_many"
handler500 = "dashboard.error_views.server_error"
