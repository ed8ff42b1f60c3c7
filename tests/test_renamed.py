"""Old spellings of arguments, attributes and names: they work, and a DeprecationWarning tells the new one."""

from __future__ import annotations

from importlib import import_module

import pytest

from personalrm.curation.running import Plan
from personalrm.curation.sources import Sources
from personalrm.data.formats.lmarena import ArenaFilter
from personalrm.optimizing.optimize import OptimizationConfig
from personalrm.renamed import RenamedAttribute, renamed_arguments


@renamed_arguments(tell="on_epoch")
def doubled(value: int, *, on_epoch: int = 0) -> int:
    return 2 * value + on_epoch


class Model:
    trust = RenamedAttribute("calibrator")

    def __init__(self) -> None:
        self.calibrator = 0.9


def test_renamed_argument_keeps_its_old_spelling() -> None:
    assert doubled(2, on_epoch=1) == 5
    with pytest.warns(DeprecationWarning, match=r"doubled\(tell=\) is now doubled\(on_epoch=\)"):
        assert doubled(2, tell=1) == 5  # type: ignore[call-arg]


def test_renamed_attribute_keeps_its_old_spelling() -> None:
    with pytest.warns(DeprecationWarning, match=r"Model\.trust is now Model\.calibrator"):
        assert Model().trust == 0.9


@pytest.mark.parametrize(
    ("old", "new", "value"),
    [("held_back", "holdout", 0.25), ("trials", "candidates", 3), ("keep_anyway", "accept_best", True)],
)
def test_optimization_config_keeps_its_old_fields(old: str, new: str, value: object) -> None:
    with pytest.warns(DeprecationWarning, match=rf"OptimizationConfig\({old}=\) is now OptimizationConfig\({new}=\)"):
        config = OptimizationConfig("gepa", **{old: value})  # type: ignore[arg-type]
    assert getattr(config, new) == value
    assert config == OptimizationConfig("gepa", **{new: value})  # type: ignore[arg-type]
    with pytest.warns(DeprecationWarning, match=rf"OptimizationConfig\.{old} is now"):
        assert getattr(config, old) == value


def test_curation_keeps_the_old_name_of_its_filter() -> None:
    wanted = ArenaFilter(("English",))
    with pytest.warns(DeprecationWarning, match=r"Plan\(wish=\) is now Plan\(arena_filter=\)"):
        plan = Plan("arena", Sources(("a.parquet",)), wish=wanted)  # type: ignore[call-arg]
    with pytest.warns(DeprecationWarning, match=r"Plan\.wish is now Plan\.arena_filter"):
        assert plan.wish is plan.arena_filter is wanted


def test_calibrator_keeps_the_old_name_of_its_scale() -> None:
    from personalrm.models.learned.calibrating import Calibrator  # imports torch

    with pytest.warns(DeprecationWarning, match=r"Calibrator\.everybody is now Calibrator\.population"):
        assert Calibrator(1.5, 0.5).everybody == 1.5
    with pytest.warns(DeprecationWarning, match=r"Calibrator\(everybody=\) is now Calibrator\(population=\)"):
        assert Calibrator(everybody=1.5, person=0.5) == Calibrator(population=1.5, person=0.5)  # type: ignore[call-arg]


@pytest.mark.parametrize(
    ("module", "old", "new"),
    [
        ("models.uncertainty", "doubt_of_traits", "traits_margin_posterior"),
        ("models.uncertainty", "normal_doubt", "normal_margin_posterior"),
    ],
)
def test_renamed_function_keeps_its_old_spelling(module: str, old: str, new: str) -> None:
    found = import_module(f"personalrm.{module}")
    with pytest.warns(DeprecationWarning, match=f"{old} is now .*{new}"):
        assert getattr(found, old) is getattr(found, new)
