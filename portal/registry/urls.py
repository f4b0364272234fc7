from django.urls import path

from portal.catalogue.matrix_views import model_version_datasets
from portal.registry import views

urlpatterns = [
    path("", views.model_list, name="model-list"),
    path("new/<slug:task>/", views.model_create, name="model-create"),
    path("<slug:slug>/", views.model_detail, name="model-detail"),
    path("<slug:slug>/share/", views.model_share, name="model-share"),
    path("<slug:slug>/versions/new/", views.model_version_create, name="model-version-create"),
    path("<slug:slug>/<version:version>/", views.model_version_detail, name="model-version-detail"),
    path(
        "<slug:slug>/<version:version>/datasets/",
        model_version_datasets,
        name="model-version-datasets",
    ),
    path(
        "<slug:slug>/<version:version>/edit/", views.model_version_edit, name="model-version-edit"
    ),
    path(
        "<slug:slug>/<version:version>/release/",
        views.model_version_release,
        name="model-version-release",
    ),
    path(
        "<slug:slug>/<version:version>/retire/",
        views.model_version_retire,
        name="model-version-retire",
    ),
]
