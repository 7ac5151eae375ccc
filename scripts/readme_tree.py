"""Write the tree into README.md: a line per file, from each file's own first line.

python scripts/readme_tree.py          rewrites the block between the two markers
python scripts/readme_tree.py --check  exits with 1 where it is not as it should be
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
README = ROOT / "README.md"
BEGIN, END = "<!-- tree: make tree -->", "<!-- end of the tree -->"
FOLDERS = ("stream", "workers", "training", "bench")
KINDS = {".py", ".html", ".js", ".css", ".svg"}
COLUMN = 26
FIRST_COMMENT = re.compile(
    r"<!--\s*(.+?)\s*-->|^/\*+[\s*]*(.+?)\s*(?:\*/|$)|^//\s*(.+)|<title>(.+?)</title>", re.MULTILINE
)


def tracked() -> list[Path]:
    """Files worth a line, as git knows them, in order, folders first by their own name."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", *FOLDERS],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout.split()
    paths = [Path(name) for name in listed if (ROOT / name).exists()]
    return sorted(path for path in paths if path.suffix in KINDS)


def told(path: Path) -> str:
    """What a file says of itself in its first line; a folder says it in `__init__.py`."""
    text = (ROOT / path).read_text()
    if path.suffix == ".py":
        first = (ast.get_docstring(ast.parse(text)) or "").split("\n", 1)[0]
    else:
        found = FIRST_COMMENT.search(text)
        first = next((part for part in found.groups() if part), "") if found else ""
    return first.rstrip(".")


def lines() -> list[str]:
    printed: list[str] = []
    seen: set[Path] = set()
    for path in tracked():
        for folder in reversed(path.parents[:-1]):
            if folder not in seen:
                seen.add(folder)
                own = folder / "__init__.py"
                printed.append(_line(f"{folder.name}/", own, len(folder.parts) - 1))
        if path.name != "__init__.py":
            printed.append(_line(path.name, path, len(path.parts) - 1))
    return printed


def _line(name: str, path: Path, depth: int) -> str:
    says = told(path) if (ROOT / path).exists() else ""
    return f"{'  ' * depth + name:<{COLUMN}} {says}".rstrip()


def main() -> int:
    text = README.read_text()
    before, rest = text.split(BEGIN)
    after = rest.split(END)[1]
    wanted = f"{before}{BEGIN}\n```\n" + "\n".join(lines()) + f"\n```\n{END}{after}"
    if "--check" in sys.argv:
        return int(wanted != text)
    README.write_text(wanted)
    return 0


if __name__ == "__main__":
    sys.exit(main())
