"""Every setting is checked before anything is loaded, and every config file loads."""

import ast
import importlib.util
from pathlib import Path

import pytest
from ml_collections import ConfigDict

from strokejax.config import (
    FIELDS,
    default_config,
    fields,
    for_fonts,
    unknown_field,
    validate,
)
from strokejax.settings import SPANS
from strokejax.tasks import FONTS, LINES, SWIPES
from strokejax.types import InputError

FILES = sorted(Path(__file__).parents[1].glob("configs/*.py"))
DEFAULTS = dict(fields(default_config()))
FREE = {
    "data.root",
    "data.cache",
    "model.init",
    "log.wandb",
    "log.profile",
    "data.also",
    "symbol.name",
    "symbol.samples",
    "symbol.ignore",
    "figures.only",
    "figures.lake",
    "sweep.losses",
    "lines.text",
    "lines.overlap",
    "swipe.layouts",
    "swipe.words",
    "optim.milestones",
    *(f"sweep.{name}" for name in SPANS),
}
"""Texts without a list of choices."""

RANGES = {n: (f.low, f.high) for n, f in FIELDS.items() if f.low is not None}
CHOICES = {name: field.choices for name, field in FIELDS.items() if field.choices}

of_type = {
    kind: sorted(name for name, value in DEFAULTS.items() if type(value) is kind)
    for kind in (int, float, str, bool)
}


def changed(name, value):
    """The default config with one value, which is not converted to its field's type."""
    return change(default_config(), name, value)


def change(config, name, value):
    config = config.to_dict()
    *sections, last = name.split(".")
    parent = config
    for section in sections:
        parent = parent[section]
    parent[last] = value
    return ConfigDict(config)


def of_lines(config):
    config.job, config.mode = "lines", "argmax"
    config.data.name, config.model.name = "synthetic_lines", "line_cnn"


def of_swipes(config):
    config.job, config.mode = "swipe", "argmax"
    config.data.name, config.model.name = "synthetic_swipes", "transformer"


def refused(config):
    """The message, one sentence, with which a config is refused."""
    with pytest.raises(InputError) as error:
        validate(config)
    message = str(error.value)
    assert message.endswith((".", "?"))
    assert "\n" not in message
    return message


def test_the_default_is_valid():
    validate(default_config())


def test_every_field_is_of_a_type_that_is_checked():
    assert sum(map(len, of_type.values())) == len(DEFAULTS)


def test_every_number_has_a_range_and_every_text_its_choices():
    assert {*RANGES} == {*of_type[int], *of_type[float]}
    assert {*CHOICES} == {*of_type[str]} - FREE


@pytest.mark.parametrize("name", sorted(RANGES))
def test_numbers_out_of_range_are_refused_with_their_limits(name):
    low, high = RANGES[name]
    kind = type(DEFAULTS[name])
    step = kind(1)
    for value in (kind(low) - step, kind(high) + step):
        message = refused(changed(name, value))
        assert message.startswith(f"config.{name} is {value!r};")
        assert f"{low:g} to {high:g}" in message
    if kind is float:
        for value in (float("nan"), float("inf"), float("-inf")):
            assert repr(value) in refused(changed(name, value))


@pytest.mark.parametrize("name", sorted(DEFAULTS))
def test_values_of_another_type_are_refused(name):
    kind = type(DEFAULTS[name])
    others = [value for value in ("abc", 1.5, True, None) if type(value) is not kind]
    assert len(others) >= 3
    for value in others:
        message = refused(changed(name, value))
        assert message.startswith(f"config.{name} is {value!r}; it takes ")
        assert repr(DEFAULTS[name]) in message


@pytest.mark.parametrize("name", of_type[float])
def test_whole_numbers_serve_as_numbers(name):
    low, high = RANGES[name]
    alone = name not in ("augment.width_high", "loss.margin")
    if low <= 1 <= high and alone:
        validate(changed(name, 1))


@pytest.mark.parametrize("name", sorted(CHOICES))
def test_unknown_choices_are_refused_with_the_list(name):
    message = refused(changed(name, "something"))
    assert all(repr(choice) in message for choice in CHOICES[name])
    first = CHOICES[name][0]
    assert f"did you mean {first!r}?" in refused(changed(name, first + "x"))
    for choice in CHOICES[name]:
        config = changed(name, choice)
        if name == "model.norm":
            config.model.name = "stroke_net"  # the one network with both
        if choice in ("lines", *LINES.data, *LINES.architectures):
            of_lines(config)
            config = change(config, name, choice)
        if choice in ("swipe", *SWIPES.data, *SWIPES.architectures):
            of_swipes(config)
            config.data.root = "swipes.jsonl"
            config = change(config, name, choice)
        if choice in ("fonts", *FONTS.architectures) and choice != "resnet":
            config = change(for_fonts(), name, choice)
        validate(config)


@pytest.mark.parametrize("name", sorted(DEFAULTS))
def test_misspelt_fields_are_refused_with_the_right_one(name):
    message = refused(changed(name + "z", DEFAULTS[name]))
    assert message == f"config.{name}z does not exist; did you mean config.{name}?"


def test_fields_like_no_other_are_refused():
    assert unknown_field("qqqq").endswith("see docs/settings.md.")
    assert "config.loop does not exist" in refused(changed("loop", 3))


@pytest.mark.parametrize("name", ["log", "optim.learning_rate"])
def test_missing_fields_are_refused(name):
    config = default_config()
    *sections, last = name.split(".")
    parent = config
    for section in sections:
        parent = parent[section]
    with config.unlocked():
        del parent[last]
    assert f"config.{name}" in (message := refused(config))
    assert "is missing" in message


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"raster.size": 12, "raster.margin": 4}, ("margin of 4", "12 pixels")),
        ({"augment.width_low": 4.0, "augment.width_high": 2.0}, ("4.0", "2.0")),
        ({"mode": "argmax", "optim.train": "table"}, ("'table'", "'argmax'")),
        ({"symbol.ignore": "size,colour"}, ("'colour'", "direction, rotation, size")),
        ({"mode": "argmax", "loss.name": "margin"}, ("'margin'", "'argmax'")),
        ({"loss.margin": 0.3}, ("0.3", "'proxy'", "'triplet'")),
        ({"loss.name": "prototypical", "loss.margin": 0.3}, ("'prototypical'",)),
        ({"loss.name": "triplet", "loop.batch_size": 100}, ("100", "32")),
        ({"loss.name": "triplet", "loop.batch_size": 32}, ("2 or more", "32")),
        ({"loss.name": "triplet", "loss.prior": 1.0}, ("prior", "'triplet'")),
        ({"loss.name": "contrastive", "optim.train": "table"}, ("'table'",)),
        ({"model.name": "motion", "model.convs": 1}, ("convs", "'motion'")),
        ({"model.name": "resnet", "model.convs": 1}, ("convs", "'resnet'")),
        ({"model.name": "resnet", "optim.train": "block3_head"}, ("'resnet'",)),
        ({"job": "sweep", "sweep.channels": "1:9"}, ("'1:9'", "0.25 to 4")),
        ({"job": "sweep", "sweep.channels": "2:1"}, ("'2:1'", "LOW:HIGH")),
        ({"job": "sweep", "sweep.augment": "much"}, ("'much'", "LOW:HIGH")),
        ({"job": "sweep", "sweep.losses": "proxy,hinge"}, ("'hinge'", "triplet")),
        ({"job": "sweep", "loop.batch_size": 100}, ("100", "32")),
        ({"job": "sweep", "mode": "argmax"}, ("'argmax'",)),
    ],
)
def test_fields_that_do_not_go_together_are_refused(values, words):
    config = default_config()
    config.update_from_flattened_dict(values)
    message = refused(config)
    assert all(word in message for word in words)


# Config files


def load(path):
    spec = importlib.util.spec_from_file_location(f"configs_{path.stem}", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_there_are_config_files():
    assert {path.stem for path in FILES} >= {"pretrain", "finetune"}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_config_files_are_valid_and_say_how_to_run_them(path):
    file = load(path)
    config = file.get_config()
    assert isinstance(config, ConfigDict)
    validate(config)
    assert config == file.get_config("")
    command = f"python -m strokejax.launch --config=configs/{path.name}"
    assert command in file.__doc__


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_config_files_import_strokejax_config_only(path):
    for node in ast.walk(ast.parse(path.read_text())):
        assert not isinstance(node, ast.Import)
        if isinstance(node, ast.ImportFrom):
            assert node.module == "strokejax.config"


# Their documentation


def test_the_page_of_settings_is_what_its_script_writes():
    script = load(Path(__file__).parents[1] / "docs" / "write_settings.py")
    changed = script.PAGE.read_text("utf-8") != script.page()
    assert not changed, "the settings have changed: run `make docs-settings`"
