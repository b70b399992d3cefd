from __future__ import annotations

from django.urls import path

from dashboard.sharing import making, minding, views
from dashboard.sharing.doors import shared, unlocking
from dashboard.sharing.lenses import PARTS

urlpatterns = [
    path("s/<str:token>", views.redeem, name="redeem"),
    unlocking("unlock", views.unlock, name="shared_unlock"),
    shared("", views.overview, name="shared_overview"),
    shared("usage/", views.usage, name="shared_usage"),
    shared("events/", views.events, name="shared_events"),
    *(shared(f"events/{part}/", views.part(part), f"shared_{part}", counted=False) for part in PARTS),
    path("shares/", minding.shares, name="shares"),
    path("shares/new", making.new, name="share_new"),
    path("shares/draft", making.draft, name="share_draft"),
    path("shares/preview/", making.preview, name="share_preview"),
    path("shares/preview/usage/", making.preview_usage, name="preview_usage"),
    path("shares/preview/events/", making.preview_events, name="preview_events"),
    *(
        path(f"shares/preview/events/{part}/", making.preview_part(part), name=f"preview_{part}")
        for part in PARTS
    ),
    path("shares/revoke-all", minding.revoke_all, name="share_revoke_all"),
    path("shares/<slug:share_id>/", minding.share, name="share"),
    path("shares/<slug:share_id>/revoke", minding.revoke, name="share_revoke"),
    path("shares/<slug:share_id>/extend", minding.extend, name="share_extend"),
    path("shares/<slug:share_id>/password", minding.password, name="share_password"),
]
