"""Load the demonstration consortium; doing it again adds only what is missing."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from portal.demo import loading, partners


class Command(BaseCommand):
    help = "Load the demonstration: synthetic cohorts, a real risk equation, finished evaluations."

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.DEMONSTRATION:
            raise CommandError(
                "DEMONSTRATION is not set: its accounts have a published password and do not "
                "belong on a site that holds real data. DEMONSTRATION=1 loads it all the same."
            )
        loading.load(say=self.stderr.write if options["verbosity"] > 1 else lambda text: None)
        self.stdout.write("Sign in with the password " + partners.PASSWORD + " as:")
        for person in partners.PEOPLE:
            self.stdout.write(f"  {person.email:32}  {person.what}")
