"""Published studies, for everybody: /<use case>/published/…"""

from django.urls import path

from portal.studies import public

urlpatterns = [
    path("<slug:slug>/", public.publication_detail, name="publication-detail"),
    path("<slug:slug>/notice/", public.publication_notice, name="publication-notice"),
    path("<slug:slug>/estimates.csv", public.publication_estimates, name="publication-estimates"),
    path("<slug:slug>/pooled.csv", public.publication_pooled, name="publication-pooled"),
    path("<slug:slug>/citation.bib", public.publication_citation, name="publication-citation"),
    path("<slug:slug>/study.json", public.publication_report, name="publication-report"),
]
