"""What a user gets: names, version, files, entry points."""

import importlib
import tomllib
from importlib import metadata, resources
from pathlib import Path

import pytest

import strokejax

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


@pytest.mark.parametrize("name", strokejax.__all__)
def test_public_names_are_there_and_documented(name):
    found = getattr(strokejax, name)
    assert found.__doc__
    assert found.__module__.startswith("strokejax.")
    assert found.__name__ == name


def test_public_names_are_listed_once_and_in_order():
    assert sorted(strokejax.__all__) == strokejax.__all__
    assert {*strokejax.__all__, "build_char_map"} == set(strokejax._HOMES)
    assert set(strokejax.__all__) <= set(dir(strokejax))


def test_other_names_are_refused_as_by_any_module():
    with pytest.raises(AttributeError, match="'strokejax' has no attribute 'lode'"):
        _ = strokejax.lode
    assert not hasattr(strokejax, "__wrapped__")


def test_bad_input_is_a_value_error():
    assert issubclass(strokejax.InputError, ValueError)


def test_the_version_is_one():
    assert strokejax.__version__ == PROJECT["version"] == metadata.version("strokejax")


@pytest.mark.parametrize(
    "name", ["py.typed", "report/report_page.html", "data/splits.json"]
)
def test_files_come_with_the_package(name):
    assert resources.files("strokejax").joinpath(name).is_file()


@pytest.mark.parametrize("target", PROJECT["scripts"].values())
def test_commands_lead_to_functions(target):
    module, _, function = target.partition(":")
    assert callable(getattr(importlib.import_module(module), function))


@pytest.mark.parametrize("file", PROJECT["license-files"])
def test_licences_are_there(file):
    assert (ROOT / file).read_text().strip()


def test_every_requirement_has_a_lower_bound():
    extras = PROJECT["optional-dependencies"].values()
    requirements = [*PROJECT["dependencies"], *(r for extra in extras for r in extra)]
    assert all(">=" in requirement for requirement in requirements)
