"""The rules of the house: who imports whom, where libraries live, what is too long."""

import ast
import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from strokejax.tasks import ALL

ROOT = Path(__file__).parents[1] / "strokejax"

ORDER = (
    *(
        "types",
        "files",
        "settings",
        "arguments",
        "ink",
        "pictures",
        "networks",
        "table",
    ),
    *("data", "search", "evaluation", "report", "store", "recognizer", "train"),
    *("registration", "serve", "tasks", "config", "cli", "launch"),
)
"""Rule 1: a module imports its own package and those that stand before it."""

TASKS = tuple(task.name for task in ALL)
"""Rule 2: no task imports another, and nothing before `tasks` names one."""

FILES, LINES, FUNCTION_LINES = 16, 500, 50
"""Rule 3: at most so many modules a folder, lines a module, lines a function."""

HOMES = {
    "flax": ("networks", *(f"tasks.{task}.network" for task in TASKS)),
    "optax": (
        "train",
        "registration.rows",
        "search.ctc",
        *(f"tasks.{task}.job" for task in TASKS),
    ),
    "orbax": ("train.checkpoint",),
    "grain": ("data.pipeline",),
    "tensorflow_datasets": ("data.sets",),
    "ml_collections": ("config", "launch", "tasks.symbols.register_job"),
    "absl": ("launch",),
    "torch": ("tasks.symbols.torch_import",),
    "safetensors": ("store.content",),
    "PIL": ("pictures", "ink.variants", "report", "tasks"),
    "fontTools": ("ink.svg", "tasks.fonts.faces"),
    "pi_heif": ("pictures.images",),
    "wordfreq": ("search",),
    "defusedxml": ("ink.inkml",),
    "HersheyFonts": ("ink.synthesis",),
    "tqdm": ("train.logging",),
    "filelock": ("store.versions", "evaluation.figure"),
    "optuna": ("train.sweep",),
    "fastapi": ("serve", "tasks"),
    "starlette": ("serve", "tasks"),
    "pydantic": ("serve", "tasks"),
    "uvicorn": ("serve",),
    "websockets": ("serve.command",),
    "playwright": ("tasks.fonts",),
}
"""The only modules and packages that import a library, even inside functions."""

HOST = (
    *("types", "files", "settings", "arguments", "ink", "pictures", "data", "report"),
    *("config", "cli", "table.symbols", "evaluation.scores", "evaluation.text"),
    *(f"tasks.{task}.settings" for task in TASKS),
)
WITH_JAX = ("ink.raster", "ink.augment")
"""`HOST` does without jax, apart from these kernels."""


def name_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


TREES = {name_of(path): ast.parse(path.read_text()) for path in ROOT.rglob("*.py")}
del TREES[""]  # the package itself: its public names are imported when used
del TREES["models.torch_import"]  # a former address
MODULES = sorted(TREES)


def imports(node: ast.AST, at_import: bool = True) -> Iterator[tuple[str, bool]]:
    """Every imported name, and whether it is imported with the module itself."""
    if isinstance(node, ast.Import):
        for alias in node.names:
            yield alias.name, at_import
    elif isinstance(node, ast.ImportFrom):
        assert node.level == 0 and node.module, "imports are written in full"
        for alias in node.names:
            full = f"{node.module}.{alias.name}"
            is_module = full.removeprefix("strokejax.") in TREES
            yield full if is_module else node.module, at_import
    function = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    for child in ast.iter_child_nodes(node):
        yield from imports(child, at_import and not function)


IMPORTS = {module: set(imports(tree)) for module, tree in TREES.items()}


def libraries(module: str) -> set[str]:
    return {name.split(".")[0] for name, _ in IMPORTS[module]} - {"strokejax"}


def own(module: str) -> Iterator[tuple[str, bool]]:
    """The project's own modules among the imports."""
    for name, at_import in IMPORTS[module]:
        if name.startswith("strokejax."):
            yield name.removeprefix("strokejax."), at_import


def lies_in(module: str, places: tuple[str, ...]) -> bool:
    return any(module == place or module.startswith(place + ".") for place in places)


def task_of(module: str) -> str:
    """The task whose room a module is in, "" for none."""
    package, _, rest = module.partition(".")
    room, _, inside = rest.partition(".")
    return room if package == "tasks" and (inside or room in TASKS) else ""


# Rule 1


def test_the_order_names_every_package():
    assert {module.partition(".")[0] for module in MODULES} == {*ORDER}


@pytest.mark.parametrize("module", MODULES)
def test_a_module_imports_what_stands_before_it(module):
    place = ORDER.index(module.partition(".")[0])
    for target, _ in own(module):
        assert target in TREES, f"{module} imports {target}"
        assert ORDER.index(target.partition(".")[0]) <= place, (
            f"{module} imports {target}, which stands after it"
        )


def test_no_imports_in_a_circle():
    below = {module: {target for target, _ in own(module)} for module in MODULES}
    while below:
        leaves = {m for m, targets in below.items() if not targets & below.keys()}
        assert leaves, f"imports in a circle: {sorted(below)}"
        below = {m: targets for m, targets in below.items() if m not in leaves}


# Rule 2


def test_the_tasks_are_those_that_are_listed():
    assert {*filter(None, map(task_of, MODULES))} == {*TASKS}


@pytest.mark.parametrize("module", [m for m in MODULES if task_of(m)])
def test_a_task_imports_no_other(module):
    others = {task_of(target) for target, _ in own(module)} - {"", task_of(module)}
    assert not others, f"{module} imports {sorted(others)}"


# Rule 3


def test_folders_stay_small():
    folders = Counter(path.parent for path in ROOT.rglob("*.py"))
    assert not {str(f): n for f, n in folders.items() if n > FILES}


def test_modules_are_read_in_one_go():
    lines = {
        m: len(p.read_text().splitlines()) for p in ROOT.rglob("*.py") for m in [p]
    }
    assert not {str(path): n for path, n in lines.items() if n > LINES}


def body_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines of a function, its signature and docstring apart."""
    first = function.body[1 if ast.get_docstring(function) else 0 :]
    return function.end_lineno - first[0].lineno + 1 if first else 0


def test_functions_fit_on_a_screen():
    lines = {
        f"{module}.{node.name}": body_lines(node)
        for module, tree in TREES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }
    assert not {name: count for name, count in lines.items() if count > FUNCTION_LINES}


# Libraries at home


@pytest.mark.parametrize("library", HOMES)
def test_libraries_stay_at_home(library):
    users = {module for module in MODULES if library in libraries(module)}
    astray = {module for module in users if not lies_in(module, HOMES[library])}
    assert users, f"nobody imports {library}: take it off the list"
    assert not astray, f"{library} is imported by {sorted(astray)}"


def is_host(module: str) -> bool:
    return module == "tasks" or (lies_in(module, HOST) and module not in WITH_JAX)


@pytest.mark.parametrize("module", [*filter(is_host, MODULES)])
def test_host_modules_do_without_jax(module):
    assert not libraries(module) & {"jax", "jaxlib", "flax", "optax", "jaxtyping"}
    # What they load with themselves does without it as well.
    loaded = {target for target, at_import in own(module) if at_import}
    assert all(map(is_host, loaded)), f"{module} loads {sorted(loaded)}"


# What library code never does


@pytest.mark.parametrize("module", MODULES)
def test_library_code_neither_asserts_nor_evaluates(module):
    calls = [
        node.func.id
        for node in ast.walk(TREES[module])
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    ]
    assert "eval" not in calls
    assert "exec" not in calls
    assert not any(isinstance(node, ast.Assert) for node in ast.walk(TREES[module]))


def test_public_things_have_docstrings():
    for module, tree in TREES.items():
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
    own_package = {"config", "data.sets.emnist", "data.pipeline"}
    names = [m for m in MODULES if is_host(m) and m not in own_package]
    names = ["strokejax", "strokejax.cli", *(f"strokejax.{name}" for name in names)]
    found = loaded_by(*names)
    assert found["strokejax"] == found["strokejax.cli"] == set()
    assert set().union(*found.values()) == {"numpy"}


def test_recognising_imports_no_training():
    name = "strokejax.recognizer"
    # BatchNorm is folded away, so that Linen is not needed either.
    found = loaded_by("strokejax.networks.folded", name)
    assert found[name] == {"jax", "numpy"}
