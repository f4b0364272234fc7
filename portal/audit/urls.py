from django.urls import path

from portal.audit import views

urlpatterns = [
    path("", views.audit_list, name="audit-list"),
    path("log.csv", views.audit_export, name="audit-export"),
    path("history/<str:kind>/<str:pk>/", views.audit_history, name="audit-history"),
]
