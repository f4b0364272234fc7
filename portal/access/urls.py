"""Access to data of others: /access/…"""

from django.urls import path

from portal.access import asking, home, permit_views, register, reviewing, views, writing

OF_APPLICATION = "applications/<slug:reference>/"
OF_REVIEW = "reviews/<int:review>/"
OF_PERMIT = "permits/<slug:number>/"

urlpatterns = [
    path("", home.access_home, name="access-home"),
    path("ask/<slug:slug>/", asking.access_ask, name="access-ask"),
    path("basket/", asking.access_basket, name="access-basket"),
    path("applications/", views.application_list, name="application-list"),
    path(OF_APPLICATION, views.application_detail, name="application-detail"),
    path(f"{OF_APPLICATION}send/", writing.application_send, name="application-send"),
    path(f"{OF_APPLICATION}withdraw/", writing.application_withdraw, name="application-withdraw"),
    path(
        f"{OF_APPLICATION}documents/<int:attachment>/",
        writing.attachment_download,
        name="attachment-download",
    ),
    path(f"{OF_APPLICATION}<slug:step>/", writing.application_edit, name="application-edit"),
    path(OF_REVIEW, reviewing.review_detail, name="review-detail"),
    path(f"{OF_REVIEW}return/", reviewing.review_return, name="review-return"),
    path(f"{OF_REVIEW}complete/", reviewing.review_complete, name="review-complete"),
    path(f"{OF_REVIEW}ask/", reviewing.review_ask, name="review-ask"),
    path(f"{OF_REVIEW}answer/", reviewing.review_answer, name="review-answer"),
    path(f"{OF_REVIEW}extend/", reviewing.review_extend, name="review-extend"),
    path(f"{OF_REVIEW}opinion/", reviewing.review_opinion, name="review-opinion"),
    path(f"{OF_REVIEW}refuse/", reviewing.review_refuse, name="review-refuse"),
    path(f"{OF_REVIEW}grant/", reviewing.review_grant, name="review-grant"),
    path("permits/", permit_views.permit_list, name="permit-list"),
    path(OF_PERMIT, permit_views.permit_detail, name="permit-detail"),
    path(f"{OF_PERMIT}suspend/", permit_views.permit_suspend, name="permit-suspend"),
    path(f"{OF_PERMIT}reinstate/", permit_views.permit_reinstate, name="permit-reinstate"),
    path(f"{OF_PERMIT}revoke/", permit_views.permit_revoke, name="permit-revoke"),
    path(f"{OF_PERMIT}extend/", permit_views.permit_extend, name="permit-extend"),
    path(f"{OF_PERMIT}amend/", permit_views.permit_amend, name="permit-amend"),
    path(f"{OF_PERMIT}outcome/", permit_views.permit_outcome, name="permit-outcome"),
    path("register/", register.permit_register, name="permit-register"),
    path("register.csv", register.register_table, name="register-table"),
    path("register.json", register.register_document, name="register-document"),
    path("register/<slug:number>/", register.register_entry, name="register-entry"),
]
