from __future__ import annotations

from django.urls import path

from dashboard.sharing import making, minding, views
from dashboard.sharing.doors import shared, unlocking
from dashboard.sharing.lenses import BELOW

urlpatterns = [
    path("s/<str:token>", views.redeem, name="redeem"),
    unlocking("unlock", views.unlock, name="shared_unlock"),
    *(shared(below) for below in BELOW),
    path("shares/", minding.shares, name="shares"),
    path("shares/new", making.new, name="share_new"),
    path("shares/offers", making.offer, name="share_offers"),
    path("shares/draft/<slug:share_id>", making.draft, name="share_draft"),
    path("shares/preview/", making.preview, name="share_preview"),
    *(making.previewed(below) for below in BELOW),
    path("shares/revoke-all", minding.revoke_all, name="share_revoke_all"),
    path("shares/<slug:share_id>/", minding.share, name="share"),
    path("shares/<slug:share_id>/revoke", minding.revoke, name="share_revoke"),
    path("shares/<slug:share_id>/extend", minding.extend, name="share_extend"),
    path("shares/<slug:share_id>/password", minding.password, name="share_password"),
]
