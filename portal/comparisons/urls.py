from django.urls import path

from portal.comparisons import views

urlpatterns = [
    path("", views.comparison_detail, name="comparison-detail"),
    path("start/", views.comparison_start, name="comparison-start"),
    path("cancel/", views.comparison_cancel, name="comparison-cancel"),
]
