"""Energy: injected where known, else calibrated on the region. Small synthetic frames."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from utils import energy, tables
from utils.errors import TableError


def register(**columns: object) -> pd.DataFrame:
    frame = pd.DataFrame(columns)
    missing = {
        "code": "00001", "region": "76", "filiere": "solaire", "installations": 1,
        "energy_kwh": np.nan, "commissioned": pd.NaT,
    }  # fmt: skip
    frame = frame.assign(**{k: v for k, v in missing.items() if k not in frame})
    return frame.astype({"commissioned": "datetime64[s]", "energy_kwh": "float64"})


def production(**gwh: float) -> pd.DataFrame:
    return pd.DataFrame(
        {"region": "76", "year": 2023, "filiere": list(gwh), "gwh": list(gwh.values())}
    )


@given(
    st.lists(st.floats(1, 1e6), min_size=1, max_size=8),
    st.floats(0.01, 0.9),
    st.lists(st.floats(0.0, 0.9), min_size=8, max_size=8),
)
def test_communes_sum_to_the_region(
    powers: list[float], factor: float, injected: list[float]
) -> None:
    full = [power * 8.76 for power in powers]  # MWh
    known = [share * one * 1000 for share, one in zip(injected, full, strict=False)]
    lines = register(power_kw=powers, energy_kwh=known)
    left = sum(one for one, kwh in zip(full, known, strict=True) if kwh <= 0)
    total = sum(known) / 1000 + factor * left if left else sum(known) / 1000
    done = energy.estimate_energy(lines, production(solaire=total / 1000), year=2023)
    assert done["energy_mwh"].sum() == pytest.approx(total, rel=1e-3)
    assert set(done["method"]) <= {"injectee", "region"}


def test_the_three_steps() -> None:
    lines = register(
        power_kw=[1000.0, 1000.0, 3000.0], energy_kwh=[1_500_000, 0, np.nan], code=["a", "b", "c"]
    )
    done = energy.estimate_energy(lines, production(solaire=5.5), year=2023).set_index("code")
    assert done["energy_mwh"].to_dict() == {"a": 1500, "b": 1000, "c": 3000}  # 0: not declared
    assert done["method"].tolist() == ["injectee", "region", "region"]


def test_months_in_service_weigh_the_power() -> None:
    dates = pd.to_datetime(["2010-01-01", "2023-06-10", "2024-05-01", None])
    assert energy.share_in_service(pd.Series(dates), 2023).tolist() == [1, 0.5, 0, 1]
    lines = register(power_kw=[1000.0] * 4, commissioned=dates, code=list("abcd"))
    done = energy.estimate_energy(lines, production(solaire=5.0), year=2023).set_index("code")
    assert done["energy_mwh"].fillna(-1).to_dict() == {"a": 2000, "b": 1000, "c": -1, "d": 2000}
    assert done.loc["c", "method"] == "hors_service"


def test_a_region_without_wind_and_one_that_odre_does_not_cover() -> None:
    lines = register(
        power_kw=[1000.0, 500.0, 10.0],
        region=["76", "01", "01"],
        filiere=["solaire", "solaire", "eolien"],
        code=["a", "b", "c"],
    )
    done = energy.estimate_energy(lines, production(solaire=1.0, eolien=np.nan), year=2023)
    done = done.set_index("code")
    assert done.loc["b", ["energy_mwh", "method"]].tolist() == [500, "france"]
    assert done.loc["c", "method"] == "inconnue"  # no load factor of wind anywhere
    assert pd.isna(done.loc["c", "energy_mwh"])


def test_injected_energy_above_the_production_is_scaled_down() -> None:
    lines = register(power_kw=[1000.0, 1000.0], energy_kwh=[2_000_000, 1_000_000])
    done = energy.estimate_energy(lines, production(solaire=1.5), year=2023)
    assert done["energy_mwh"].tolist() == [1000, 500]


def test_energy_that_the_power_forbids_is_not_believed() -> None:
    lines = register(power_kw=[100.0], energy_kwh=[100 * 8760 * 1000.0])  # watt-hours
    done = energy.estimate_energy(lines, production(solaire=0.1), year=2023)
    assert done[["energy_mwh", "method"]].values.tolist() == [[100, "region"]]


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ({"power_kw": [-1.0]}, "power_kw est négative"),
        ({"power_kw": [1.0], "energy_kwh": [-5.0]}, "energy_kwh est négative"),
        ({"power_kw": [2e7]}, "kilowatts, pas en watts"),
        ({"power_kw": [10.0]}, "dépasse ce que la puissance"),
    ],
)
def test_absurd_values_are_refused(columns: dict[str, list[float]], words: str) -> None:
    with pytest.raises(TableError, match=words):
        energy.estimate_energy(register(**columns), production(solaire=1.0), year=2023)


def test_farms_at_sea_leave_the_commune_of_their_cable() -> None:
    lines = register(
        code=["22077", "76259", "44137", "44137"],
        filiere=["eolien", "eolien", "eolien", "solaire"],
        installations=[3, 3, 1, 5],
        power_kw=[736_000.0, 501_500.0, 240_000.0, 200.0],
    )
    done = energy.split_offshore(lines)
    power = done.groupby(["code", "filiere"])["power_kw"].sum().to_dict()
    assert power == {
        ("22077", "eolien_en_mer"): 496_000,
        ("44137", "eolien_en_mer"): 480_000,
        ("44137", "solaire"): 200,
        ("76259", "eolien"): 4500,
        ("76259", "eolien_en_mer"): 497_000,
    }
    pd.testing.assert_frame_equal(
        energy.split_offshore(lines[3:]), lines[3:].reset_index(drop=True)
    )


def test_marine_energy_is_part_of_the_regional_hydraulic_production() -> None:
    lines = register(power_kw=[100.0, 300.0], filiere=["hydraulique", "energies_marines"])
    done = energy.estimate_energy(lines, production(hydraulique=0.4), year=2023)
    assert done["energy_mwh"].tolist() == [100, 300]


def test_lines_of_a_commune_are_summed_with_their_methods_and_ranked() -> None:
    lines = register(code=["a", "a", "b", "c"], power_kw=[1.0, 2.0, 5.0, 1.0])
    lines["energy_mwh"] = [1.0, 2.0, 9.0, np.nan]
    lines["method"] = ["injectee", "region", "region", "inconnue"]
    done = energy.by_commune(lines).set_index("code")
    assert done["method"].to_dict() == {"a": "mixte", "b": "region", "c": "inconnue"}
    assert done["rank"].fillna(-1).to_dict() == {"a": 2, "b": 1, "c": -1}
    assert done.loc["a", ["power_kw", "energy_mwh"]].tolist() == [3, 3]


def test_location_quotient() -> None:
    assert energy.location_quotient(5, 10, 100, 1000) == 5
    assert math.isnan(energy.location_quotient(0, 0, 100, 1000))
    assert math.isnan(energy.location_quotient(5, 10, 0, 1000))


def test_relative_errors() -> None:
    frame = pd.DataFrame({
        "filiere": "solaire", "injected_mwh": [10.0, 10, 20], "estimated_mwh": [11.0, 8, 20],
    })  # fmt: skip
    done = energy.relative_errors(frame).loc["solaire"]
    assert done[["communes", "median", "absolute"]].tolist() == pytest.approx([3, 0, 10])
    assert done["total"] == pytest.approx(-2.5)


def test_a_network_is_a_truth_only_where_it_carries_the_region() -> None:
    estimated = pd.DataFrame({
        "region": ["1", "1", "2", "3"], "departement": ["a", "b", "c", "d"], "filiere": "eolien",
        "energy_mwh": [60.0, 40.0, 100.0, 100.0],
    })  # fmt: skip
    network = pd.DataFrame({
        "departement": ["a", "b", "c", "d"], "filiere": "eolien",
        "mwh": [70.0, 25.0, 80.0, float("nan")],
    })  # fmt: skip
    production = pd.DataFrame({"region": ["1", "2", "3"], "filiere": "eolien", "gwh": 0.1})
    done = energy.against_network(estimated, network, production).set_index("departement")
    assert done["network_mwh"].to_dict() == {"a": 70, "b": 25}  # 80 %, and a secret: left out
    assert done["coverage"].tolist() == pytest.approx([0.95, 0.95])


# --------------------------------------------------------------------------- the tables


def test_wind_of_enedis_by_departement_is_that_of_the_file() -> None:
    gaps = tables.load_energy_gaps().set_index(["filiere", "departement"])
    # Marne, 2023: HTA 3 167 547.9 MWh in Enedis's file, nothing at the other voltages.
    assert gaps.loc[("eolien", "51"), "network_mwh"] == pytest.approx(3_167_547.9, abs=0.1)
    regions = gaps.groupby(["region", "filiere"])["estimated_mwh"].sum() / 1000
    assert regions["44", "eolien"] == pytest.approx(11_218, rel=0.001)  # ODRÉ, GWh


def test_the_communes_of_each_region_sum_to_what_odre_publishes() -> None:
    regions = tables.load_energy_regions()
    regions["group"] = regions["filiere"].map(energy.CALIBRATED_AS)
    sums = regions.groupby(["region", "group"])[["energy_mwh", "odre_mwh"]].sum(min_count=1)
    known = sums.dropna(subset=["odre_mwh"])
    assert len(known) == 13 * 4
    assert (known["energy_mwh"] / known["odre_mwh"] - 1).abs().max() < 0.001
    overseas = regions[regions["odre_mwh"].isna() & regions["factor"].notna()]
    assert set(overseas["method"]) == {"france", "region"}  # the second: at sea, marine


def test_production_of_odre_in_the_regions_is_that_of_its_history() -> None:
    regions = tables.load_energy_regions().dropna(subset=["odre_mwh"])
    history = tables.load_energy_history().query("year == 2023")
    both = regions.merge(history, on=["region", "filiere"])
    assert len(both) == 13 * 4
    assert (both["odre_mwh"] / 1000 - both["gwh"]).abs().max() < 0.06


def test_a_commune_of_an_offshore_cable_has_no_wind_of_its_own() -> None:
    lines = tables.load_energy().query("code == '44137' and year == 2023").set_index("filiere")
    assert lines.loc["eolien_en_mer", "power_kw"] == 480_000
    assert "eolien" not in lines.index
    wind = tables.load_indicators("production_eolien", codes=["44137"])
    assert wind["status"].tolist() == ["zero"]


def test_what_cannot_be_known_is_not_zero() -> None:
    mayotte = tables.load_indicators(["puissance_eolien", "production_eolien"], codes=["97602"])
    assert set(mayotte["status"]) == {"absent"}  # the register has no line of Mayotte
    cover = tables.load_indicators("couverture_electricite", codes=["31135", "46127"])
    assert cover["status"].tolist() == ["secret", "ok"]  # Cazères: no residential line


def test_shares_of_a_region_never_exceed_the_whole() -> None:
    shares = tables.load_indicators("part_region_renouvelable")
    towns = tables.load_towns().set_index("code")["region"]
    assert shares.groupby(shares["code"].map(towns))["value"].sum().max() <= 100


def test_every_energy_is_below_full_power() -> None:
    lines = tables.load_energy()
    full = lines["power_kw"] * 8.76
    assert (lines["energy_mwh"].dropna() <= full[lines["energy_mwh"].notna()] + 0.1).all()
    assert set(lines["method"]) <= set(energy.METHODS)
