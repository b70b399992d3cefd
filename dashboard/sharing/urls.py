from __future__ import annotations

from django.urls import path

from dashboard.pages.routes import mounted
from dashboard.sharing.access import unlocking, with_link
from dashboard.sharing.manage import create, edit
from dashboard.sharing.manage.list import share, shares
from dashboard.sharing.recipient import views

urlpatterns = [
    path("s/<str:token>", views.redeem, name="redeem"),
    unlocking("unlock", views.unlock, name="shared_unlock"),
    *mounted("shared/<slug:share_id>/", "shared_", with_link),
    path("shares/", shares, name="shares"),
    path("shares/new", create.new, name="share_new"),
    path("shares/offers", create.load_suggestions, name="share_offers"),
    path("shares/draft/<slug:share_id>", create.draft, name="share_draft"),
    path("shares/preview/", create.preview, name="share_preview"),
    *mounted("shares/preview/<slug:share_id>/", "preview_", create.with_draft),
    path("shares/revoke-all", edit.revoke_all, name="share_revoke_all"),
    path("shares/<slug:share_id>/", share, name="share"),
    path("shares/<slug:share_id>/revoke", edit.revoke, name="share_revoke"),
    path("shares/<slug:share_id>/extend", edit.extend, name="share_extend"),
    path("shares/<slug:share_id>/password", edit.password, name="share_password"),
]
