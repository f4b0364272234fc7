from django.urls import path

from portal.notifications import views

urlpatterns = [
    path("", views.notification_list, name="notification-list"),
    path("read/", views.notification_read_all, name="notification-read-all"),
    path("preferences/", views.notification_preferences, name="notification-preferences"),
    path("<int:notification_id>/open/", views.notification_open, name="notification-open"),
    path("<int:notification_id>/read/", views.notification_read, name="notification-read"),
]
