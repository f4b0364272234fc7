from django.contrib import admin

from portal.facts_admin import FactsAdmin
from usecases.heart_failure.models import AlertModelCard, MonitoredCohort

admin.site.register([AlertModelCard, MonitoredCohort], FactsAdmin)
