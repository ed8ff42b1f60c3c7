"""The public names: one list, each importable, the old spellings with one line that tells the new one."""

from __future__ import annotations

import ast
import importlib
import subprocess
import sys
import warnings
from pathlib import Path

import pytest
from each import each

import personalrm
from personalrm import errors
from personalrm.renamed import MODULES

STUB = Path(personalrm.__file__).with_suffix(".pyi")


def test_every_public_name_can_be_imported_and_stands_in_the_stub() -> None:
    stub = {
        alias.asname
        for node in ast.walk(ast.parse(STUB.read_text()))
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert stub == set(personalrm.__all__)
    assert {"Client", "SynthesizeMe", "Evaluation", "Options", "NotEnoughChoices", "SeveralPeople"} <= stub
    assert {"fit_people", "strengths", "interval", "paired", "holm", "Ranking", "engine_named"} <= stub
    for name in stub:
        assert getattr(personalrm, name) is not None
    with pytest.raises(AttributeError):
        personalrm.nothing  # noqa: B018


def test_every_error_that_is_raised_on_purpose_is_public() -> None:
    found = {
        name for name, one in vars(errors).items() if isinstance(one, type) and issubclass(one, errors.PersonalrmError)
    }
    assert found <= set(personalrm.__all__)


def test_importing_the_package_imports_nothing_heavy() -> None:
    code = "import personalrm, sys; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"numpy", "pydantic", "rich", "aiohttp", "orjson", "torch"} & set(done.stdout.split())


HOSTS = (
    *(
        "argilla",
        "datasets",
        "inspect_ai",
        "label_studio_sdk",
        "langfuse",
        "langsmith",
        "mlflow",
        "openrlhf",
        "promptfoo",
    ),
    *("ray", "rewardbench", "sglang", "torch", "transformers", "trl", "verl", "vllm"),
)


def test_no_host_package_is_imported_by_the_package_or_before_a_plug_needs_it() -> None:
    plugs = (
        "exports, feedback, messages, openrlhf, rewardbench, trl, users, verl"  # inspect_ai's module registers itself
    )
    code = f"""if True:
        import sys, personalrm
        first = sorted(one.partition('.')[0] for one in sys.modules)
        from personalrm.integrations import {plugs}
        print(*first); print(*sorted(one.partition('.')[0] for one in sys.modules))"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    for line in done.stdout.splitlines():
        assert not set(HOSTS) & set(line.split())


@each(("old", "new"), sorted(MODULES.items()))
def test_a_moved_module_is_found_under_its_old_path(old: str, new: str) -> None:
    for name in [one for one in sys.modules if f"personalrm.{old}" in (one, one.rpartition(".")[0])]:
        if name.removeprefix("personalrm.") in MODULES:
            del sys.modules[name]
    with warnings.catch_warnings(action="ignore"):  # of the folder above, which may be an old path too
        importlib.import_module(f"personalrm.{old}".rpartition(".")[0])
    with pytest.warns(DeprecationWarning, match=f"personalrm.{new}"):
        moved = importlib.import_module(f"personalrm.{old}")
    assert moved is importlib.import_module(f"personalrm.{new}")
    assert moved.__name__ == f"personalrm.{new}"
    assert moved.__spec__ is not None
    assert moved.__spec__.name == f"personalrm.{new}"


@each(
    ("module", "old", "new"),
    [
        ("personalrm", "Refused", "EndpointRefused"),
        ("personalrm", "Unusable", "UnusableResponse"),
        ("personalrm.errors", "Refused", "EndpointRefused"),
        ("personalrm.errors", "Unusable", "UnusableResponse"),
        ("personalrm.synthesis.judging", "Sight", "JudgeContext"),
        ("personalrm.synthesis.judging", "Shown", "FewShotExample"),
        ("personalrm.models.judges", "Asking", "FittedJudge"),
        ("personalrm.models.uncertainty", "doubt_of_learned", "learned_margin_posterior"),
        ("personalrm.models.learned.people", "side_by_side", "collate"),
        ("personalrm.models.learned.shared_reward", "learn_footing", "learn_shared_reward"),
        ("personalrm.training.folder", "RunMark", "RunValue"),
        ("personalrm.training.evaluation", "Predicted", "PredictedChoices"),
        ("personalrm.optimizing.optimize", "Plan", "OptimizationConfig"),
        ("personalrm.optimizing.prompt_file", "Measured", "PromptMetrics"),
    ],
)
def test_a_renamed_class_is_found_under_its_old_name(module: str, old: str, new: str) -> None:
    home = importlib.import_module(module)
    with pytest.warns(DeprecationWarning, match=new) as told:
        assert getattr(home, old) is getattr(home, new)
    assert len(told) == 1
    assert told[0].filename == __file__
    with pytest.raises(AttributeError):
        home.nothing  # noqa: B018


def test_new_spellings_warn_of_nothing() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for name in personalrm.__all__:
            getattr(personalrm, name)
