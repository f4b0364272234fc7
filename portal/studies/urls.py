"""Studies inside the consortium: /<use case>/studies/…"""

from django.urls import path

from portal.studies import moves, views

urlpatterns = [
    path("", views.study_list, name="study-list"),
    path("new/<slug:task>/", views.study_create, name="study-create"),
    path("<slug:reference>/", views.study_detail, name="study-detail"),
    path("<slug:reference>/edit/", views.study_edit, name="study-edit"),
    path("<slug:reference>/invitations/", views.study_invite, name="study-invite"),
    path("<slug:reference>/send/", moves.study_send, name="study-send"),
    path("<slug:reference>/answer/<int:invitation>/", moves.study_answer, name="study-answer"),
    path("<slug:reference>/start/", moves.study_start, name="study-start"),
    path("<slug:reference>/withdraw/", moves.study_withdraw, name="study-withdraw"),
    path("<slug:reference>/retry/<int:cell>/", moves.study_retry, name="study-retry"),
    path("<slug:reference>/publish/", moves.study_publish, name="study-publish"),
    path("<slug:reference>/estimates.csv", views.study_estimates, name="study-estimates"),
    path("<slug:reference>/pooled.csv", views.study_pooled, name="study-pooled"),
    path("<slug:reference>/study.json", views.study_report, name="study-report"),
]
