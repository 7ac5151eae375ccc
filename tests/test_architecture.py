"""The house keeps its shape: floors, owners of outside libraries, small rooms, a true map."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("stream", "workers")

CORE_LIBRARIES = {"stream": {"msgspec", "orjson"}, "workers": {"numpy"}}
"""Outside libraries that a core may lean on; none of them waits."""

OWNERS: dict[str, str | tuple[str, ...]] = {
    "aiokafka": "stream/adapters/kafka",
    "av": "stream/adapters/media",
    "flashlight": "workers/engines/conformer/words",
    "jwt": "stream/adapters/",
    "onnxruntime": "workers/engines/onnx",
    "pocketsphinx": "workers/engines/pocketsphinx",
    "prometheus_client": "stream/adapters/",
    "starlette": "stream/adapters/",
    "uvicorn": "stream/adapters/",
    "websockets": ("stream/adapters/", "stream/client.py"),
}
"""Where an outside library may be imported: elsewhere is a second owner."""

FUNCTION_LINES = 60
FILE_LINES = 300
LONG_FUNCTIONS = {
    "workers/engines/conformer/cuda/kernels.py::_attend": "one kernel: its tiles stay in registers",
}
LONG_FILES: dict[str, str] = {}
"""`path` or `path::function` -> the reason why it may be longer."""


def sources(*folders: str) -> list[Path]:
    return sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def imported_libraries(path: Path) -> set[str]:
    """Top-level names that a module imports anywhere, its own packages and `__future__` apart."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module.partition(".")[0])
    return names - set(PACKAGES)


def test_imports_only_go_down() -> None:
    lint = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run(
        [lint, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("package", PACKAGES)
def test_a_core_leans_on_few_libraries(package: str) -> None:
    allowed = CORE_LIBRARIES[package] | set(sys.stdlib_module_names)
    strangers = {
        name_of(path): extra
        for path in sources(f"{package}/core")
        if (extra := imported_libraries(path) - allowed)
    }
    assert strangers == {}


@pytest.mark.parametrize("library", OWNERS)
def test_an_outside_library_has_one_owner(library: str) -> None:
    importers = (
        name_of(path) for path in sources(*PACKAGES) if library in imported_libraries(path)
    )
    assert [name for name in importers if not name.startswith(OWNERS[library])] == []


IMPORT_STREAM = """
import importlib, pkgutil, sys
import stream
for module in pkgutil.walk_packages(stream.__path__, "stream."):
    if not module.name.endswith("__main__"):
        importlib.import_module(module.name)
print(*sorted({name.partition(".")[0] for name in sys.modules}))
"""


def test_import_stream_never_imports_a_model_library() -> None:
    done = subprocess.run(
        [sys.executable, "-c", IMPORT_STREAM], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    loaded = set(done.stdout.split())
    assert "stream" in loaded
    assert loaded.isdisjoint({"torch", "transformers", "onnxruntime", "ctranslate2", "workers"})


def functions(path: Path) -> Iterator[tuple[str, int]]:
    """Every function of a module with its lines, docstring not counted."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield f"{name_of(path)}::{node.name}", length(node)


def length(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    assert node.end_lineno is not None
    lines = node.end_lineno - node.lineno + 1
    first = node.body[0]
    if ast.get_docstring(node) is not None and first.end_lineno is not None:
        lines -= first.end_lineno - first.lineno + 1
    return lines


def test_rooms_are_small() -> None:
    modules = sources(*PACKAGES, "bench", "training")
    long = {name for path in modules for name, lines in functions(path) if lines > FUNCTION_LINES}
    assert long == set(LONG_FUNCTIONS), "split it, or list it with the reason"


def test_a_file_holds_one_noun() -> None:
    modules = sources(*PACKAGES, "bench", "training")
    long = {name_of(path) for path in modules if len(path.read_text().splitlines()) > FILE_LINES}
    assert long == set(LONG_FILES), "split it, or list it with the reason"


README = ROOT / "README.md"
TREE_LINE = re.compile(r"^(?P<indent>[\s│├└─]*)(?P<name>[\w.-]+/?)(\s|$)")


def printed_tree(text: str) -> set[str]:
    """Paths in the fenced block that lists `stream/`: one a line, a folder's name ends in `/`."""
    block = next(
        part for part in text.split("```") if re.search(r"^\W*stream/\s", part, re.MULTILINE)
    )
    paths: set[str] = set()
    open_folders: list[tuple[int, str]] = []
    for line in block.splitlines():
        if (match := TREE_LINE.match(line)) is None:
            continue
        indent, name = len(match["indent"]), match["name"]
        while open_folders and open_folders[-1][0] >= indent:
            open_folders.pop()
        path = (open_folders[-1][1] if open_folders else "") + name
        paths.add(path)
        if name.endswith("/"):
            open_folders.append((indent, path))
    return paths


def files_worth_a_line() -> set[str]:
    """Modules of both packages and files of the page; a folder's line stands for `__init__.py`."""
    pages = (ROOT / "stream/web").glob("*.*") if (ROOT / "stream/web").is_dir() else ()
    return {name_of(path) for path in (*sources(*PACKAGES), *pages) if path.name != "__init__.py"}


@pytest.mark.skipif(not README.exists(), reason="README.md is not written yet")
def test_the_readme_prints_the_tree() -> None:
    printed = printed_tree(README.read_text())
    gone = {path for path in printed if not (ROOT / path).exists()}
    assert gone == set(), "the README lists what does not exist"
    assert files_worth_a_line() - printed == set(), "the README misses a line for"


def test_a_printed_tree_is_read_in_both_styles() -> None:
    expected = {"stream/", "stream/core/", "stream/core/wire.py", "stream/cli.py", "Makefile"}
    spaces = "```\nstream/  carries\n  core/\n    wire.py  bytes\n  cli.py\nMakefile  starts\n```"
    drawn = "```\nstream/\n├── core/\n│   └── wire.py\n└── cli.py\nMakefile\n```"
    assert printed_tree(spaces) == expected
    assert printed_tree(drawn) == expected
