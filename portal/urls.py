"""Where everything lives. The address tells where you are: /ckd/datasets/…, in French /fr/ckd/….

English has no prefix. What programs ask for has none in any language, nor have the addresses that
identity providers were told.
"""

from django.conf.urls.i18n import i18n_patterns
from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path, register_converter

from portal import my_work
from portal.catalogue import matrix_views
from portal.catalogue import views as catalogue
from portal.catalogue.dcat import views as dcat
from portal.converters import GraphConverter, UseCaseConverter, VersionConverter
from portal.evaluations import views as evaluations
from portal.registry import views as registry
from portal.showcase import help as help_pages
from portal.showcase import indexing, news, pages
from portal.showcase import views as showcase
from portal.studies import public as studies

register_converter(UseCaseConverter, "use_case")
register_converter(VersionConverter, "version")
register_converter(GraphConverter, "graph")

in_a_use_case: list[URLPattern | URLResolver] = [
    path("", showcase.use_case_overview, name="use-case-overview"),
    path("datasets/", include("portal.catalogue.urls")),
    path("models/", include("portal.registry.urls")),
    path("results/compare/", include("portal.comparisons.urls")),
    path("results/", include("portal.evaluations.urls")),
    path("studies/", include("portal.studies.urls")),
    path("published/", include("portal.studies.public_urls")),
]

urlpatterns = [
    path("healthz", showcase.healthz, name="healthz"),
    path("robots.txt", indexing.robots, name="robots"),
    path("sitemap.xml", indexing.sitemap, name="sitemap"),
    path("catalogue", dcat.catalogue, name="catalogue"),
    path("catalogue.<graph:ending>", dcat.catalogue_graph, name="catalogue-graph"),
    path(
        "<use_case:use_case>/datasets/<slug:slug>.<graph:ending>",
        dcat.dataset_graph,
        name="dataset-graph",
    ),
    path("api/v1/", include("portal.api.urls")),
    path("account/providers/", include("portal.accounts.provider_urls")),
    *i18n_patterns(
        path("", showcase.home, name="home"),
        path("about/", pages.about, name="about"),
        path("how-access-works/", pages.access_explained, name="access-explained"),
        path("accessibility/", pages.accessibility, name="accessibility"),
        path("privacy/", pages.privacy, name="privacy"),
        path("help/", help_pages.help_index, name="help"),
        path("help/tables/", help_pages.help_tables, name="help-tables"),
        path("help/measures/", help_pages.help_measures, name="help-measures"),
        path("published/", studies.publication_list, name="publication-list"),
        path("datasets/", catalogue.dataset_list, name="all-dataset-list"),
        path("datasets/variables/", matrix_views.variable_matrix, name="variable-matrix"),
        path("models/", registry.model_list, name="all-model-list"),
        path("results/", evaluations.evaluation_list, name="all-evaluation-list"),
        path("my-work/", my_work.my_work, name="my-work"),
        path("access/", include("portal.access.urls")),
        path("account/notifications/", include("portal.notifications.urls")),
        path("account/searches/", include("portal.searches.urls")),
        path("account/", include("portal.accounts.urls")),
        path("organisations/", include("portal.organisations.urls")),
        path("audit/", include("portal.audit.urls")),
        path("design/", showcase.design, name="design"),
        path("news/", news.news_list, name="news-list"),
        path("news/feed.xml", news.news_feed, name="news-feed"),
        path("news/<slug:slug>/", news.news_detail, name="news-detail"),
        path("admin/", admin.site.urls),
        path("<use_case:use_case>/", include(in_a_use_case)),
        prefix_default_language=False,
    ),
]
