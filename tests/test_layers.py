"""Imports go down only, heavy packages stay where they belong, modules stay small."""

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1] / "strokejax"

LEVELS = tuple(
    line.split()
    for line in """
types
atomic config_values published
config locate symbols hashed scores distance ink partitioning processes
variants config_networks
config_checks table losses data models ctc line_scores
metric_losses knn optim state model_store
answers inputs rejection objective
steps evaluate checkpoint metrics figures charts pages
recognizer loop report online ways fewshot curves
samples coach changes placing decode
learning sheet naming line_search line_report swipe_scores lexicon swipe_sheet
line_reader symbol_lines font_finder ranking predictions
typist
registry adaptation reading font_index font_sheet font_scores keyboard
font_answers swipe_looks swipe_report
sharing upgrade measure own_keyboards
job serve
commands
launch cli
""".strip().splitlines()
)
"""Modules and folders; each imports those above it here, and a folder its own."""

UPWARDS = {("models.torch_import", "model_store"), ("models.torch_import", "table")}
"""A converter, run by itself, that writes a model; it imports inside a function."""

HOMES = {
    "flax": ("models",),
    "optax": (
        "optim",
        "state",
        "steps",
        "job.setup",
        "job.line_setup",
        "job.swipe_setup",
        "ctc",
    ),
    "orbax": ("checkpoint",),
    "grain": ("data.pipeline",),
    "tensorflow_datasets": ("data",),
    "ml_collections": ("config", "launch", "job"),
    "absl": ("launch",),
    "torch": ("models.torch_import",),
    "safetensors": ("hashed",),
    "PIL": ("ink", "figures", "sheet", "font_sheet", "swipe_sheet"),
    "fontTools": ("data.font_files",),
    "pi_heif": ("ink.images",),
    "wordfreq": ("decode.word_frequencies",),
    "defusedxml": ("ink.inkml",),
    "HersheyFonts": ("ink.letterforms",),
    "tqdm": ("metrics",),
    "filelock": ("changes",),
    "optuna": ("job.sweep",),
    "fastapi": ("serve", "commands.serve"),
    "starlette": ("serve",),
    "pydantic": ("serve",),
    "uvicorn": ("serve.run", "commands.serve"),
    "websockets": ("commands.serve",),
    "playwright": ("data.browser_page",),
}
"""The only modules and folders that import a package, even inside functions."""

WITH_JAX = ("ink.raster", "ink.augment", "ink.features", "ink.swipe_ways")
HOST = (
    "types",
    "config",
    "config_values",
    "config_checks",
    "config_networks",
    "published",
    "line_scores",
    "line_report",
    "symbols",
    "atomic",
    "scores",
    "ink",
    "data",
    "metrics",
)
HOST = (*HOST, "variants", "figures", "charts", "pages", "report", "curves", "cli")
HOST = (*HOST, "commands")
"""Without jax, apart from the kernels among them."""

MODULE_LINES = 250
FUNCTION_LINES = 50
LONG = {"config.default_config"}
"""One literal that lists every setting."""


PACKAGES = {"strokejax", *(f"strokejax.{path.name}" for path in ROOT.iterdir())}

MODULES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts): ast.parse(path.read_text())
    for path in sorted(ROOT.rglob("*.py"))
    if path.name != "__init__.py"
}
"""By dotted name; the folders' own files are docstrings, or import lazily."""


def imports(node: ast.AST, at_import: bool = True) -> Iterator[tuple[str, bool]]:
    """Every imported name, and whether it is imported with the module itself."""
    if isinstance(node, ast.Import):
        for alias in node.names:
            yield alias.name, at_import
    elif isinstance(node, ast.ImportFrom):
        assert node.level == 0, "imports are written in full"
        for alias in node.names:
            part = f".{alias.name}" if node.module in PACKAGES else ""
            yield f"{node.module}{part}", at_import
    function = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    for child in ast.iter_child_nodes(node):
        yield from imports(child, at_import and not function)


IMPORTS = {module: set(imports(tree)) for module, tree in MODULES.items()}


def third_party(module: str) -> set[str]:
    return {name.split(".")[0] for name, _ in IMPORTS[module]} - {"strokejax"}


def own(module: str) -> Iterator[tuple[str, bool]]:
    """The package's own modules among the imports; its version is not a module."""
    for name, at_import in IMPORTS[module]:
        inner = name.removeprefix("strokejax.")
        if name != inner and inner != "__version__":
            yield inner, at_import


def level(module: str) -> int:
    part = module.split(".")[0]
    found = [i for i, names in enumerate(LEVELS) if part in names]
    assert len(found) == 1, f"{part} needs one level in tests/test_layers.py"
    return found[0]


def lies_in(module: str, places: tuple[str, ...]) -> bool:
    return any(module == place or module.startswith(place + ".") for place in places)


def test_every_module_has_one_level_and_every_level_its_modules():
    parts = {module.split(".")[0] for module in MODULES}
    listed = [part for names in LEVELS for part in names]
    assert sorted(listed) == sorted(parts)


@pytest.mark.parametrize("module", MODULES)
def test_imports_go_down_only(module):
    for target, at_import in own(module):
        assert target in MODULES, f"{module} imports {target}"
        if (module, target) in UPWARDS:
            assert not at_import
            continue
        same_folder = "." in module and module.split(".")[0] == target.split(".")[0]
        assert same_folder or level(target) < level(module), (
            f"{module} (level {level(module)}) imports {target} (level {level(target)})"
        )


def test_folders_have_no_cycles():
    below: dict[str, set[str]] = {
        module: {target for target, _ in own(module)} for module in MODULES
    }
    while below:
        leaves = {m for m, targets in below.items() if not targets & below.keys()}
        assert leaves, f"imports in a circle: {sorted(below)}"
        below = {m: targets for m, targets in below.items() if m not in leaves}


def test_declared_exceptions_are_needed():
    assert all(target in dict(own(module)) for module, target in UPWARDS)


@pytest.mark.parametrize("package", HOMES)
def test_packages_stay_at_home(package):
    users = {module for module in MODULES if package in third_party(module)}
    astray = {module for module in users if not lies_in(module, HOMES[package])}
    assert users, f"nobody imports {package}: take it off the list"
    assert not astray, f"{package} is imported by {sorted(astray)}"


def is_host(module: str) -> bool:
    return lies_in(module, HOST) and module not in WITH_JAX


@pytest.mark.parametrize("module", [*filter(is_host, MODULES)])
def test_host_modules_do_without_jax(module):
    assert not third_party(module) & {"jax", "jaxlib", "flax", "optax", "jaxtyping"}
    # What they load with themselves does without it as well.
    loaded = {target for target, at_import in own(module) if at_import}
    assert all(map(is_host, loaded)), f"{module} loads {sorted(loaded)}"


@pytest.mark.parametrize("module", MODULES)
def test_library_code_neither_asserts_nor_evaluates(module):
    calls = [
        node.func.id
        for node in ast.walk(MODULES[module])
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    ]
    assert "eval" not in calls
    assert "exec" not in calls
    assert not any(isinstance(node, ast.Assert) for node in ast.walk(MODULES[module]))


# Sizes


def test_modules_fit_on_a_few_screens():
    lines = {
        path.relative_to(ROOT): len(path.read_text().splitlines())
        for path in ROOT.rglob("*.py")
    }
    assert not {path: n for path, n in lines.items() if n > MODULE_LINES}


def body_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines of a function, its signature and docstring apart."""
    first = function.body[1 if ast.get_docstring(function) else 0 :]
    return function.end_lineno - first[0].lineno + 1 if first else 0


def test_functions_fit_on_a_screen():
    lines = {
        f"{module}.{node.name}": body_lines(node)
        for module, tree in MODULES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }
    too_long = {name for name, count in lines.items() if count > FUNCTION_LINES}
    assert too_long == LONG


def test_public_things_have_docstrings():
    for module, tree in MODULES.items():
        assert ast.get_docstring(tree), module
        public = [
            node
            for node in tree.body
            if isinstance(node, ast.FunctionDef | ast.ClassDef)
            and not node.name.startswith("_")
        ]
        missing = [node.name for node in public if not ast.get_docstring(node)]
        assert not missing, f"{module}: {missing}"


# What an import costs

PROBE = """
import json, sys
heavy = ("jax flax optax orbax grain tensorflow_datasets ml_collections absl PIL "
         "matplotlib defusedxml torch numpy").split()
found = {}
for name in sys.argv[1:]:
    __import__(name)
    found[name] = [each for each in heavy if each in sys.modules]
print(json.dumps(found))
"""


def loaded_by(*names: str) -> dict[str, set[str]]:
    """Heavy packages in memory after importing each module, one after the other."""
    ran = subprocess.run(
        [sys.executable, "-c", PROBE, *names],
        capture_output=True,
        text=True,
        check=True,
    )
    return {name: set(found) for name, found in json.loads(ran.stdout).items()}


def test_what_needs_no_jax_is_light():
    own_package = {"config", "config_checks", "config_networks", "data.emnist"}
    own_package |= {"data.pipeline"}
    names = [m for m in MODULES if is_host(m) and m not in own_package]
    names = ["strokejax", "strokejax.cli", *(f"strokejax.{name}" for name in names)]
    found = loaded_by(*names)
    assert found["strokejax"] == set()
    assert set().union(*found.values()) == {"numpy"}


def test_recognising_imports_no_training():
    name = "strokejax.recognizer"
    # BatchNorm is folded away, so that Linen is not needed either.
    found = loaded_by("strokejax.models.folded", name)
    assert found[name] == {"jax", "numpy"}
