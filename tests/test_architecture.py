"""The layers of docs/architecture.md, held by the imports themselves."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LAYERS = {
    "common": 1,
    "perception": 2,
    "planning": 2,
    "sim": 2,
    "drive": 3,
    "teleop": 4,
    "eval": 4,
    "ninefold": 5,
}
ONLY_IN = {
    "carla": ("sim/",),
    "ray": ("eval/execute.py",),
    "torch": ("perception/train/",),
    "onnxruntime": ("perception/perceive.py",),
}
MODULES = sorted(path for package in LAYERS for path in (ROOT / package).rglob("*.py"))
SERVER = sorted((ROOT / "sim/server").rglob("*.py"))


def imported(path: Path) -> list[str]:
    names = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            names.append(node.module or "")
    return names


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_imports_only_what_lies_below_it(path: Path) -> None:
    where = path.relative_to(ROOT).as_posix()
    own = where.split("/")[0]
    for name in imported(path):
        top = name.split(".")[0]
        if top in LAYERS and top != own:
            assert LAYERS[top] < LAYERS[own], f"{where} imports {name}"
        if top in ONLY_IN:
            assert where.startswith(ONLY_IN[top]), f"{where} imports {name}"


def test_the_server_and_the_client_side_meet_only_on_the_wire() -> None:
    for path in (ROOT / "sim").rglob("*.py"):
        inside = path.is_relative_to(ROOT / "sim/server")
        for name in imported(path):
            if not inside:
                assert not name.startswith("sim.server"), f"{path} imports {name}"
            elif name.startswith("sim.") and not name.startswith("sim.server"):
                allowed = ("sim.iso", "sim.maps")
                assert name.startswith(allowed), f"{path} imports {name}"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_fits_in_the_head(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= 450


@pytest.mark.parametrize("path", SERVER, ids=lambda path: str(path.relative_to(ROOT)))
def test_the_servers_compiled_helpers_are_called_by_compiled_code_only(path: Path) -> None:
    """From Python a helper is plain Python, a hundred times slower."""
    functions, compiled = functions_of(path)
    helpers = {name for name, mark in compiled.items() if mark in ("helper", "inline")}
    for function in functions:
        if not marks(function):
            assert not called(function) & helpers, function.name


def functions_of(path: Path) -> tuple[list[ast.FunctionDef], dict[str, str]]:
    """All functions of a module; those that are compiled with what says so."""
    nodes = ast.walk(ast.parse(path.read_text()))
    functions = [node for node in nodes if isinstance(node, ast.FunctionDef)]
    return functions, {f.name: mark for f in functions for mark in marks(f)}


def marks(function: ast.FunctionDef) -> set[str]:
    """How a function is compiled; empty for one that is not."""
    names = {node.id for node in function.decorator_list if isinstance(node, ast.Name)}
    return names & {"kernel", "maker", "helper", "inline"}


def called(function: ast.FunctionDef) -> set[str]:
    """The plain names that a function calls."""
    calls = [node.func for node in ast.walk(function) if isinstance(node, ast.Call)]
    return {func.id for func in calls if isinstance(func, ast.Name)}
