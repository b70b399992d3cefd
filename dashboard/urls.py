from __future__ import annotations

from django.contrib import admin
from django.urls import include, path

from dashboard.metrics.views import metrics
from dashboard.pages.staff import urlpatterns as staff_pages
from dashboard.setup.views import setup
from dashboard.sharing.urls import urlpatterns as sharing
from dashboard.web import health

urlpatterns = [
    *staff_pages,
    *sharing,
    path("setup/", setup, name="setup"),
    path("accounts/", include("dashboard.accounts.urls")),
    path("admin/", admin.site.urls),
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
    path("metrics", metrics, name="metrics"),
]

handler400 = "dashboard.error_views.bad_request"
handler403 = "dashboard.error_views.forbidden"
handler404 = "dashboard.error_views.not_found"
handler429 = "dashboard.error_views.too_many"
handler500 = "dashboard.error_views.server_error"
