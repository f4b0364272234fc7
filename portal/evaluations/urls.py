from django.urls import path

from portal.evaluations import views

urlpatterns = [
    path("", views.evaluation_list, name="evaluation-list"),
    path("new/<slug:task>/", views.evaluation_submit, name="evaluation-submit"),
    path("new/<slug:task>/check/", views.evaluation_check, name="evaluation-check"),
    path("<slug:reference>/", views.evaluation_detail, name="evaluation-detail"),
    path("<slug:reference>/cancel/", views.evaluation_cancel, name="evaluation-cancel"),
    path("<slug:reference>/retry/", views.evaluation_retry, name="evaluation-retry"),
    path("<slug:reference>/result.json", views.evaluation_result, name="evaluation-result"),
    path("<slug:reference>/estimates.csv", views.evaluation_estimates, name="evaluation-estimates"),
    path("<slug:reference>/<slug:curve>.csv", views.evaluation_curve, name="evaluation-curve"),
]
