"""The administration as an app: Django's, with the site of this project."""

from django.contrib.admin.apps import AdminConfig


class AdministrationConfig(AdminConfig):
    default_site = "portal.administration.AdministrationSite"
