from django.urls import path

from portal.evaluations import case_views, result_views, views

urlpatterns = [
    path("", views.evaluation_list, name="evaluation-list"),
    path("new/<slug:task>/", views.evaluation_submit, name="evaluation-submit"),
    path("new/<slug:task>/check/", views.evaluation_check, name="evaluation-check"),
    path("<slug:reference>/", views.evaluation_detail, name="evaluation-detail"),
    path("<slug:reference>/cancel/", views.evaluation_cancel, name="evaluation-cancel"),
    path("<slug:reference>/retry/", views.evaluation_retry, name="evaluation-retry"),
    path(
        "<slug:reference>/estimates/",
        result_views.evaluation_estimates_table,
        name="evaluation-estimates-table",
    ),
    path(
        "<slug:reference>/curves/<slug:curve>/",
        result_views.evaluation_curve_table,
        name="evaluation-curve-table",
    ),
    path("<slug:reference>/cases/", case_views.evaluation_cases, name="evaluation-cases"),
    path(
        "<slug:reference>/cases/<int:number>/", case_views.evaluation_case, name="evaluation-case"
    ),
    path("<slug:reference>/result.json", result_views.evaluation_result, name="evaluation-result"),
    path(
        "<slug:reference>/estimates.csv",
        result_views.evaluation_estimates,
        name="evaluation-estimates",
    ),
    path(
        "<slug:reference>/<slug:curve>.csv", result_views.evaluation_curve, name="evaluation-curve"
    ),
]
