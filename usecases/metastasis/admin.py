from django.contrib import admin

from portal.facts_admin import FactsAdmin
from usecases.metastasis.models import ImageSet, ImagingModelCard

admin.site.register([ImageSet, ImagingModelCard], FactsAdmin)
