from django.urls import path

from portal.catalogue import views

urlpatterns = [
    path("", views.dataset_list, name="dataset-list"),
    path("new/", views.dataset_create, name="dataset-create"),
    path("import/", views.dataset_import, name="dataset-import"),
    path("<slug:slug>/", views.dataset_detail, name="dataset-detail"),
    path("<slug:slug>/edit/", views.dataset_edit, name="dataset-edit"),
    path("<slug:slug>/import/", views.dataset_import, name="dataset-fill-in"),
    path("<slug:slug>/changes/", views.dataset_changes, name="dataset-changes"),
    path("<slug:slug>/share/", views.dataset_share, name="dataset-share"),
    path("<slug:slug>/upload/<slug:task>/<slug:table>/", views.table_upload, name="table-upload"),
    path("<slug:slug>/uploads/<int:upload_id>/", views.upload_detail, name="upload-detail"),
    path("<slug:slug>/uploads/<int:upload_id>/cancel/", views.upload_cancel, name="upload-cancel"),
]
