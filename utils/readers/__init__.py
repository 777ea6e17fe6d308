"""One function a dataset: the producer's layout in, a tidy frame out, its schema checked."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import pandas as pd

from utils.readers import culture, energy, equipment, people, territory

__all__ = ["READERS", "Reader"]

Reader = Callable[[Path], pd.DataFrame]

#: Source id of ``data/sources.yml`` -> the function that reads its file.
READERS: Final[Mapping[str, Reader]] = {
    "pvd_communes": territory.read_programme,
    "acv_communes": territory.read_programme,
    "cog_communes": territory.read_cog_communes,
    "cog_communes_2020": territory.read_cog_communes,
    "cog_communes_2021": territory.read_cog_communes,
    "cog_communes_2023": territory.read_cog_communes,
    "cog_communes_2025": territory.read_cog_communes,
    "cog_departements": territory.read_cog_departements,
    "cog_regions": territory.read_cog_regions,
    "cog_epci": territory.read_cog_epci,
    "contours_communes": territory.read_contours,
    "contours_departements": territory.read_contours,
    "population_historique": territory.read_population,
    "densite": territory.read_densite,
    "aav_2020": territory.read_aav,
    "appartenance_2024": territory.read_appartenance,
    "filosofi_communes": people.read_filosofi,
    "rp_logement": people.read_rp_logement,
    "rp_ages": people.read_rp_ages,
    "carreaux_200m": people.read_carreaux_200m,
    "recensement_1km": people.read_recensement_1km,
    "tourisme": people.read_tourisme,
    "navettes": people.read_navettes,
    "bpe_2009": equipment.read_bpe_ensemble,
    "bpe_2013": equipment.read_bpe_ensemble,
    "bpe_2018": equipment.read_bpe_ensemble,
    "bpe_2024": equipment.read_bpe_melodi,
    "bpe_2024_loire": equipment.read_bpe_departement,
    "bpe_points_2021": equipment.read_bpe_points,
    "sirene_etablissements": equipment.read_sirene_etablissements,
    "sirene_creations": equipment.read_sirene_creations,
    "apl_generalistes": equipment.read_apl_generalistes,
    "apl_professions": equipment.read_apl_professions,
    "finess_occitanie": equipment.read_finess,
    "basilic": culture.read_basilic,
    "cinemas": culture.read_cinemas,
    "museofile": culture.read_museofile,
    "bibliotheques": culture.read_bibliotheques,
    "festivals": culture.read_festivals,
    "registre": energy.read_registre,
    "registre_2023": energy.read_registre,
    "registre_lot_2026": energy.read_registre,
    "production_regionale": energy.read_production_regionale,
    "consommation_regionale": energy.read_consommation_regionale,
    "production_departement": energy.read_production_departement,
    "eoliennes": energy.read_eoliennes,
    "powerplants": energy.read_powerplants,
    "conso_communes": energy.read_conso_communes,
    "conso_communes_lot": energy.read_conso_communes,
}
