from django.urls import path

from portal.api import views

urlpatterns = [
    path("me/", views.me, name="api-me"),
    path("notifications/", views.notifications, name="api-notifications"),
]
