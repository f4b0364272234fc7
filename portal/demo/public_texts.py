"""What the demonstration writes on the public pages: each text says that it is made up."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date

from portal.organisations.actions import describe_organisation
from portal.organisations.models import Organisation
from portal.showcase.actions import publish_news
from portal.showcase.models import HomeFigure, Milestone, News, NewsText


@dataclass(frozen=True)
class Item:
    """A piece of news: language -> title and text."""

    slug: str
    date: date
    texts: dict[str, tuple[str, str]] = field(default_factory=dict)


NOTE = {
    "en": "*This is a text of the demonstration. What it tells has not happened.*",
    "fr": "*Ceci est un texte de la démonstration. Ce qu’il raconte n’a pas eu lieu.*",
    "da": "*Dette er en tekst fra demonstrationen. Det, den fortæller, er ikke sket.*",
}

NEWS = (
    Item(
        "demonstration-first-answers",
        date(2026, 11, 16),
        {
            "en": (
                "Demonstration: one equation, four countries, one answer",
                "A risk equation for kidney failure was tried at sites in four countries under one "
                "protocol, fixed beforehand. It ranks patients well nearly everywhere; how "
                "much it overstates their risk differs from site to site.\n\n"
                "## What to look at\n\n"
                "- the forest plot: each site with its interval, and all of them pooled\n"
                "- the prediction interval: what to expect at a site that did not take part\n"
                "- the calibration curves, which show **where** the risk is overstated\n\n"
                "The results are under [Results](/results/).",
            ),
            "fr": (
                "Démonstration : une équation, quatre pays, une réponse",
                "Une équation de risque d’insuffisance rénale a été essayée sur des sites de "
                "quatre pays selon un même protocole, fixé à l’avance. Elle classe bien les "
                "patients presque partout ; l’ampleur de la surestimation du risque varie d’un "
                "site à l’autre.\n\n"
                "## Ce qu’il faut regarder\n\n"
                "- le graphique en forêt : chaque site avec son intervalle, puis l’ensemble\n"
                "- l’intervalle de prédiction : ce à quoi s’attendre sur un nouveau site\n"
                "- les courbes de calibration, qui montrent **où** le risque est surestimé\n\n"
                "Les résultats se trouvent sous [Résultats](/fr/results/).",
            ),
            "da": (
                "Demonstration: én ligning, fire lande, ét svar",
                "En risikoligning for nyresvigt er afprøvet på centre i fire lande efter én "
                "protokol, som var fastlagt på forhånd. Den rangordner patienterne godt næsten "
                "overalt; hvor meget den overvurderer risikoen, varierer fra center til center.\n\n"
                "## Se især på\n\n"
                "- forest-plottet: hvert center med sit interval, og alle samlet\n"
                "- prædiktionsintervallet: hvad man kan vente på et nyt center\n"
                "- kalibreringskurverne, som viser, **hvor** risikoen overvurderes\n\n"
                "Resultaterne findes under [Resultater](/da/results/).",
            ),
        },
    ),
    Item(
        "demonstration-mammography",
        date(2026, 10, 5),
        {
            "en": (
                "Demonstration: a mammography score meets a second vendor",
                "The second study asks what happens to recall when the images come from machines "
                "that the score has not seen. The protocol names the threshold, the subgroups and "
                "the seed before anybody sees a number.\n\n"
                "> The question is not whether the score is good, but where it stops being so.",
            ),
            "fr": (
                "Démonstration : un score de mammographie face à un autre constructeur",
                "La deuxième étude demande ce que devient le rappel lorsque les images viennent "
                "d’appareils que le score n’a jamais vus. Le protocole fixe le seuil, les "
                "sous-groupes et la graine avant que quiconque ne voie un chiffre.\n\n"
                "> La question n’est pas si le score est bon, mais où il cesse de l’être.",
            ),
        },
    ),
    Item(
        "demonstration-alerts",
        date(2026, 9, 14),
        {
            "en": (
                "Demonstration: how many alerts is one saved week worth?",
                "Teams that follow patients with heart failure at home met to agree on what counts "
                "as an explained alert. The definition is part of the protocol now, and each "
                "result says how many alerts a year of monitoring brings.",
            ),
        },
    ),
    Item(
        "demonstration-portal-opens",
        date(2026, 6, 1),
        {
            "en": (
                "Demonstration: the portal opens to all partners",
                "Partners describe their datasets, register their models and see what is shared "
                "with them. [Who may do what](/organisations/roles/) is one table, and the site "
                "itself goes by it.",
            ),
            "da": (
                "Demonstration: portalen åbner for alle partnere",
                "Partnerne beskriver deres datasæt, registrerer deres modeller og ser, hvad der er "
                "delt med dem. [Hvem må hvad](/da/organisations/roles/) er én tabel, og siden selv "
                "følger den.",
            ),
        },
    ),
)

MILESTONES = (
    (
        date(2026, 1, 1),
        (
            "Demonstration: the project starts",
            "Démonstration : le projet démarre",
            "Demonstration: projektet begynder",
        ),
        True,
    ),
    (
        date(2026, 6, 1),
        (
            "Demonstration: the portal opens to partners",
            "Démonstration : le portail s’ouvre aux partenaires",
            "Demonstration: portalen åbner for partnerne",
        ),
        True,
    ),
    (
        date(2026, 11, 16),
        (
            "Demonstration: first study across sites published",
            "Démonstration : première étude multisite publiée",
            "Demonstration: første studie på tværs af centre offentliggjort",
        ),
        True,
    ),
    (
        date(2027, 9, 1),
        (
            "Demonstration: all three use cases evaluated at every site",
            "Démonstration : les trois cas d’usage évalués sur chaque site",
            "Demonstration: alle tre use cases evalueret på hvert center",
        ),
        False,
    ),
    (
        date(2028, 12, 1),
        (
            "Demonstration: recommendations for the European Health Data Space",
            "Démonstration : recommandations pour l’espace européen des données de santé",
            "Demonstration: anbefalinger til det europæiske sundhedsdataområde",
        ),
        False,
    ),
)

FIGURES = (
    (30, ("partners", "partenaires", "partnere")),
    (11, ("Member States", "États membres", "medlemsstater")),
    (3, ("clinical questions", "questions cliniques", "kliniske spørgsmål")),
)
"""The first two as announced by the project."""

DESCRIPTIONS = {
    "health-data-hub": (
        "Coordinates the consortium, and makes and publishes its studies.\n\n"
        "*Written for the demonstration, and not by the organisation.*",
        "Coordonne le consortium, conçoit ses études et les publie.\n\n"
        "*Rédigé pour la démonstration, et non par l’organisation.*",
        "Koordinerer konsortiet og udarbejder og offentliggør dets studier.\n\n"
        "*Skrevet til demonstrationen og ikke af organisationen.*",
    ),
    "aarhus-university-hospital": (
        "Leads the use case on **chronic kidney disease**: does an equation learnt elsewhere tell "
        "the right patients that their kidneys will fail?\n\n"
        "*Written for the demonstration, and not by the organisation.*",
        "Dirige le cas d’usage sur la **maladie rénale chronique** : une équation apprise "
        "ailleurs désigne-t-elle les bons patients ?\n\n"
        "*Rédigé pour la démonstration, et non par l’organisation.*",
        "Leder use casen om **kronisk nyresygdom**: udpeger en ligning, der er lært andetsteds, de "
        "rigtige patienter?\n\n"
        "*Skrevet til demonstrationen og ikke af organisationen.*",
    ),
}


def load_public_texts() -> None:
    """Write what is missing; nothing where somebody has changed or removed the like since."""
    if not News.objects.exists():
        for item in NEWS:
            texts = [
                NewsText(language=language, title=title, body=f"{body}\n\n{NOTE[language]}")
                for language, (title, body) in item.texts.items()
            ]
            publish_news(news=News(slug=item.slug, date=item.date), texts=texts, by=None)
    if not Milestone.objects.exists():
        for day, (title, french, danish), is_done in MILESTONES:
            Milestone.objects.create(
                date=day, title=title, title_fr=french, title_da=danish, is_done=is_done
            )
    if not HomeFigure.objects.exists():
        for position, (value, (label, french, danish)) in enumerate(FIGURES):
            HomeFigure.objects.create(
                value=value, label=label, label_fr=french, label_da=danish, position=position
            )
    for organisation in Organisation.objects.filter(slug__in=DESCRIPTIONS, description=""):
        names = ("description", "description_fr", "description_da")
        texts_of = dict(zip(names, DESCRIPTIONS[organisation.slug], strict=True))
        describe_organisation(organisation=organisation, texts=texts_of, by=None)
