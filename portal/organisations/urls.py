from django.urls import path

from portal.organisations import people_views, views

urlpatterns = [
    path("", views.organisation_list, name="organisation-list"),
    path("roles/", views.organisation_roles, name="organisation-roles"),
    path("invitations/<slug:token>/", people_views.invitation_accept, name="invitation-accept"),
    path("<slug:slug>/", views.organisation_detail, name="organisation-detail"),
    path("<slug:slug>/edit/", people_views.organisation_edit, name="organisation-edit"),
    path("<slug:slug>/invite/", people_views.invitation_create, name="invitation-create"),
    path(
        "<slug:slug>/invitations/<int:invitation_id>/resend/",
        people_views.invitation_resend,
        name="invitation-resend",
    ),
    path(
        "<slug:slug>/invitations/<int:invitation_id>/withdraw/",
        people_views.invitation_withdraw,
        name="invitation-withdraw",
    ),
    path(
        "<slug:slug>/people/<int:membership_id>/",
        people_views.membership_detail,
        name="membership-detail",
    ),
    path(
        "<slug:slug>/people/<int:membership_id>/role/",
        people_views.membership_change,
        name="membership-change",
    ),
    path(
        "<slug:slug>/people/<int:membership_id>/suspend/",
        people_views.membership_suspend,
        name="membership-suspend",
    ),
    path(
        "<slug:slug>/people/<int:membership_id>/reinstate/",
        people_views.membership_reinstate,
        name="membership-reinstate",
    ),
    path(
        "<slug:slug>/people/<int:membership_id>/end/",
        people_views.membership_end,
        name="membership-end",
    ),
]
