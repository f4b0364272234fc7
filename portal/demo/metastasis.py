"""The metastasis use case of the demonstration: CT scans, mammograms, and two simulated models."""

from __future__ import annotations

from datetime import date
from functools import partial

from portal.catalogue.vocabulary import CodingSystem, HealthCategory, HealthTheme
from portal.demo import lung_scans, mammograms
from portal.demo.entries import Content, DatasetEntry, ModelEntry, Showing, VersionEntry

_SCAN_COLUMNS = {
    "vendor": ("Maker of the scanner", "", ""),
    "slice_thickness_mm": ("Slice thickness in mm", "", "DICOM (0018,0050)"),
    "sex": ("Sex", "", "LOINC 46098-0"),
}
_EXAM_COLUMNS = {
    "breast": ("Breast, left or right", "", "DICOM (0020,0062)"),
    "density": ("Density of the breast, a to d", "", "BI-RADS"),
    "vendor": ("Maker of the machine", "", ""),
    "age": ("Age, in decades", "", "LOINC 30525-0"),
}

# country: holder, title, description
_SCANS = {
    "FR": (
        "centre-leon-berard",
        "CT of the chest in follow-up of cancer, France (synthetic)",
        "CT scans of people treated for cancer, with every lesion of the lungs measured.",
    ),
    "DE": (
        "berlin-institute-of-health",
        "CT of the chest, university hospital, Germany (synthetic)",
        "CT scans of all comers, read by two radiologists.",
    ),
    "BE": (
        "demonstration-site-belgium",
        "CT of the chest, early follow-up, Belgium (synthetic)",
        "CT scans every three months after cancer surgery.",
    ),
    "IT": (
        "demonstration-site-italy",
        "CT of the chest, regional hospitals, Italy (synthetic)",
        "CT scans of regional hospitals, most of them with thick slices.",
    ),
    "FI": (
        "demonstration-site-finland",
        "CT of the chest, lesions partly measured, Finland (synthetic)",
        "CT scans whose readers marked every lesion, and measured some.",
    ),
    "NL": (
        "erasmus-mc",
        "CT of the chest, two scanners, Netherlands (synthetic)",
        "CT scans of an outpatient clinic for people treated for cancer.",
    ),
}
_EXAMS = {
    "SE": (
        "demonstration-site-sweden",
        "Mammography screening, Sweden (synthetic)",
        "Screening exams with cancer within two years, and a sample of the others.",
    ),
    "FR": (
        "institut-curie",
        "Diagnostic mammography, France (synthetic)",
        "Exams of women with symptoms or a finding, and what biopsies showed.",
    ),
    "ES": (
        "demonstration-site-spain",
        "Mammography screening, denser breasts, Spain (synthetic)",
        "Screening exams with cancer and a sample of the others, women of 50 and more.",
    ),
    "FI": (
        "demonstration-site-finland",
        "Mammography screening, another vendor, Finland (synthetic)",
        "Screening exams with cancer and a sample of the others, most of a third vendor.",
    ),
    "PL": (
        "demonstration-site-poland",
        "Mammography screening, Poland (synthetic)",
        "Screening exams with cancer and a sample of the others, on machines of two vendors.",
    ),
}
_WAITING_SCANS, _WAITING_EXAMS = "NL", "PL"


def scans_of(country: str, seed: int) -> Content:
    """CT scans, lesions, and the marks of both versions of the detector."""
    site = lung_scans.SITES[country]
    scans = lung_scans.generate(site, seed)
    thickness = [value for _, value, _ in site.slices]
    return Content(
        tables={"lung-ct": {"cases": scans.cases, "lesions": scans.lesions}},
        predictions={
            "lung-ct": {
                version: lung_scans.detect(site, scans, version, seed)
                for version in lung_scans.DETECTORS
            }
        },
        profile={
            "modality": ["ct"],
            "vendors": sorted({vendor for vendor, *_ in site.slices}),
            "slice_thickness": (min(thickness), max(thickness)),
            "annotated_lesions": scans.lesions.height,
            "readers": 2,
        },
        individuals=scans.cases.height,
        records=scans.cases.height,
    )


def exams_of(country: str, seed: int) -> Content:
    """Mammograms, and the scores of both versions of the model."""
    site = mammograms.SITES[country]
    simulated = mammograms.generate(site, seed)
    return Content(
        tables={"mammography": {"exams": simulated.exams}},
        predictions={
            "mammography": {
                version: mammograms.score(site, simulated, version, seed)
                for version in mammograms.MODELS
            }
        },
        profile={
            "modality": ["mammography"],
            "vendors": sorted(vendor for vendor, _ in site.vendors),
            "readers": 1,
        },
        individuals=site.women,
        records=simulated.exams.height,
    )


def _scans(country: str) -> DatasetEntry:
    holder, title, description = _SCANS[country]
    return DatasetEntry(
        use_case="metastasis",
        tasks=("lung-ct",),
        holder=holder,
        country=country,
        title=title,
        description=description,
        story=lung_scans.SITES[country].story,
        keywords=("computed tomography", "pulmonary metastasis", "lesion", "synthetic"),
        category=HealthCategory.EHR,
        period=(date(2019, 1, 1), date(2024, 6, 30)),
        generator="portal/demo/lung_scans.py",
        dictionary=_SCAN_COLUMNS,
        make=partial(scans_of, country),
        about={
            "health_theme": [HealthTheme.CANCER_DISEASE],
            "coding_systems": [CodingSystem.ICD_10, CodingSystem.DICOM_CT],
            "code_values": ["C78.0"],
            "min_typical_age": 18,
            "max_typical_age": 90,
            "population_coverage": (
                "Simulated adults who are or were treated for cancer, with a CT of the chest."
            ),
        },
        waits=country == _WAITING_SCANS,
        is_refused=bool(lung_scans.SITES[country].unmeasured),
    )


def _exams(country: str) -> DatasetEntry:
    holder, title, description = _EXAMS[country]
    return DatasetEntry(
        use_case="metastasis",
        tasks=("mammography",),
        holder=holder,
        country=country,
        title=title,
        description=description,
        story=mammograms.SITES[country].story,
        keywords=("mammography", "breast cancer", "screening", "synthetic"),
        category=HealthCategory.EHR,
        period=(date(2018, 1, 1), date(2023, 12, 31)),
        generator="portal/demo/mammograms.py",
        dictionary=_EXAM_COLUMNS,
        make=partial(exams_of, country),
        about={
            "health_theme": [HealthTheme.CANCER_DISEASE],
            "coding_systems": [CodingSystem.ICD_10, CodingSystem.DICOM_CT],
            "code_values": ["C50", "Z12.3"],
            "min_typical_age": 50,
            "max_typical_age": 74,
            "population_coverage": "Simulated women of a screening programme, without symptoms.",
        },
        waits=country == _WAITING_EXAMS,
    )


def _detector(version: str, training: str, limitations: str, thickest: float) -> VersionEntry:
    return VersionEntry(
        version=version,
        card={
            "intended_purpose": (
                "Marks places in a CT scan of the chest that may be lesions of the lungs, shown to "
                "a radiologist who reads the scan."
            ),
            "population": "Adults who are or were treated for cancer, CT of the chest.",
            "output": "Score of each mark, from 0 to 1, higher is more suspicious",
            "out_of_scope": "Children; scans with slices thicker than stated; diagnosis.",
            "training_data": f"None: the detector is simulated, as if {training}.",
            "limitations": limitations,
            "licence": "Simulated; free to use",
        },
        section={
            "modality": ["ct"],
            "slice_thickness": (0.5, thickest),
            "lesion_types": ["solid", "part-solid"],
            "smallest_lesion": lung_scans.SMALLEST_MM,
            "reader_role": "concurrent",
            "trained_on_vendors": ["Vendor A", "Vendor B", "Vendor C"],
        },
    )


def _score(version: str, limitations: str) -> VersionEntry:
    vendors = mammograms.MODELS[version].vendors
    return VersionEntry(
        version=version,
        card={
            "intended_purpose": (
                "Scores screening mammograms by how much they look like cancer, so that exams "
                f"with a score of {mammograms.RECALL_AT:g} or more are read with more care."
            ),
            "population": "Women of 50 to 74 without symptoms, digital mammography.",
            "output": "Score of a breast, from 0 to 1, higher is more suspicious",
            "out_of_scope": "Women with implants; tomosynthesis; machines of other vendors.",
            "training_data": (
                "None: the model is simulated, as if trained on exams on machines of "
                f"{', '.join(vendors)}."
            ),
            "limitations": limitations,
            "licence": "Simulated; free to use",
        },
        section={
            "modality": ["mammography"],
            "lesion_types": ["mass", "calcification", "distortion"],
            "reader_role": "triage",
            "trained_on_vendors": list(vendors),
        },
    )


SHOWING = Showing(
    lead="centre-leon-berard",
    datasets=(
        *(_scans(country) for country in _SCANS),
        *(_exams(country) for country in _EXAMS),
    ),
    models=(
        ModelEntry(
            use_case="metastasis",
            task="lung-ct",
            developer="centre-leon-berard",
            name="Lung lesion detector (simulated)",
            description=(
                "Marks lesions of the lungs on CT scans. A simulation, made to show how detectors "
                "are evaluated: there is no such product."
            ),
            versions=(
                _detector(
                    "1.0.0",
                    "trained on thin slices",
                    "Misses small lesions where slices are thick.",
                    2.5,
                ),
                _detector(
                    "2.0.0",
                    "trained on slices of 1 to 5 mm",
                    "Misses some small lesions where slices are thick.",
                    5.0,
                ),
            ),
        ),
        ModelEntry(
            use_case="metastasis",
            task="mammography",
            developer="institut-curie",
            name="Mammography score (simulated)",
            description=(
                "Scores mammograms for breast cancer. A simulation, made to show how such scores "
                "are evaluated: there is no such product."
            ),
            versions=(
                _score("1.0.0", "Never saw machines of Vendor C. Misses more in dense breasts."),
                _score("2.0.0", "Misses more in dense breasts."),
            ),
        ),
    ),
    protocols={
        "lung-ct": {
            "operating_points": lung_scans.OPERATING_POINTS,
            "subgroups": ("slice_thickness_mm",),
        },
        "mammography": {
            "thresholds": (mammograms.RECALL_AT,),
            "subgroups": ("density", "vendor"),
        },
    },
)
