from __future__ import annotations

from django.urls import path

from dashboard.sharing.access import shared, unlocking
from dashboard.sharing.manage import create
from dashboard.sharing.manage import list as link_list
from dashboard.sharing.pages import BELOW
from dashboard.sharing.recipient import views

urlpatterns = [
    path("s/<str:token>", views.redeem, name="redeem"),
    unlocking("unlock", views.unlock, name="shared_unlock"),
    *(shared(below) for below in BELOW),
    path("shares/", link_list.shares, name="shares"),
    path("shares/new", create.new, name="share_new"),
    path("shares/offers", create.offer, name="share_offers"),
    path("shares/draft/<slug:share_id>", create.draft, name="share_draft"),
    path("shares/preview/", create.preview, name="share_preview"),
    *(create.previewed(below) for below in BELOW),
    path("shares/revoke-all", link_list.revoke_all, name="share_revoke_all"),
    path("shares/<slug:share_id>/", link_list.share, name="share"),
    path("shares/<slug:share_id>/revoke", link_list.revoke, name="share_revoke"),
    path("shares/<slug:share_id>/extend", link_list.extend, name="share_extend"),
    path("shares/<slug:share_id>/password", link_list.password, name="share_password"),
]
