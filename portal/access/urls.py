"""Access to data of others: /access/…"""

from django.urls import path

from portal.access import asking, permit_views, views

urlpatterns = [
    path("ask/<slug:slug>/", asking.access_ask, name="access-ask"),
    path("basket/", asking.access_basket, name="access-basket"),
    path("applications/<slug:reference>/", views.application_detail, name="application-detail"),
    path("permits/<slug:number>/", permit_views.permit_detail, name="permit-detail"),
]
