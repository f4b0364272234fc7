from django.urls import path

from portal.searches import views

urlpatterns = [
    path("", views.saved_search_list, name="saved-search-list"),
    path("new/", views.saved_search_create, name="saved-search-create"),
    path("<int:search_id>/rename/", views.saved_search_rename, name="saved-search-rename"),
    path("<int:search_id>/delete/", views.saved_search_delete, name="saved-search-delete"),
]
