"""The addresses that partners' identity providers know."""

from django.urls import path

from portal.accounts import openid_connect

urlpatterns = [
    path("<slug:provider_id>/", openid_connect.provider_sign_in, name="openid_connect_login"),
    path(
        "<slug:provider_id>/callback/",
        openid_connect.provider_callback,
        name="openid_connect_callback",
    ),
]
