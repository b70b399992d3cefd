from __future__ import annotations

from django.contrib import admin
from django.urls import include, path

from dashboard import health, views
from dashboard.sharing.urls import urlpatterns as sharing

urlpatterns = [
    path("", views.overview, name="overview"),
    path("events/", views.events, name="events"),
    path("events/histogram/", views.histogram, name="histogram"),
    path("events/facets/", views.facets, name="facets"),
    path("events/more/", views.more, name="more"),
    path("events/live/", views.live, name="live"),
    path("events/export.csv", views.events_csv, name="events-csv"),
    path("events/export.jsonl", views.events_jsonl, name="events-jsonl"),
    path("events/export/", views.events_export, name="events-export"),
    path("usage/", views.usage, name="usage"),
    path("usage/export.csv", views.usage_csv, name="usage-csv"),
    path("customers/", views.customers, name="customers"),
    path("customers/<path:customer_id>", views.customer, name="customer"),
    *sharing,
    path("accounts/", include("dashboard.accounts.urls")),
    path("admin/", admin.site.urls),
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
]

handler400 = "dashboard.errors.bad_request"
handler403 = "dashboard.errors.forbidden"
handler404 = "dashboard.errors.not_found"
handler429 = "dashboard.errors.too_many"
handler500 = "dashboard.errors.server_error"
