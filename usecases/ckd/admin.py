from django.contrib import admin

from portal.facts_admin import FactsAdmin
from usecases.ckd.models import KidneyCohort, KidneyModelCard

admin.site.register([KidneyCohort, KidneyModelCard], FactsAdmin)
