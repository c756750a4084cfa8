"""Compares the symbols of the indexer with those of Universal Ctags on real source code.

    python -m bench.ctags_recall [--extras N] [FOLDER ...]

Without folders it uses the trees of PACKAGES, fetched by pip and npm. Both tools read each
file of C, C++, JavaScript, TypeScript, C# and Python. It compares the names of callables
and types. Prints the recall of each language and tree, then --extras random samples of names
that only the indexer found (ctags not even as a prototype or variable), with
their lines, for manual review. Exit code 1: the recall of a language is below its goal.
Ctags comes from Debian: apt-get install universal-ctags.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from worker.indexer.extraction import extract
from worker.indexer.languages import language_of
from worker.indexer.repository_context import RepositoryContext
from worker.indexer.skip_rules import skip_by_content
from worker.indexer.text import decoded_text

PACKAGES = {
    "pip": ("pythonnet==3.0.5",),
    "npm": (
        "better-sqlite3@12.11.1",
        "eslint@10.15.0",
        "ffi-napi@4.0.3",
        "leveldown@6.1.1",
        "re2@1.24.0",
        "rxjs@7.8.2",
        "webpack@5.113.0",
    ),
}
# The kinds of ctags that are callables and types.
_KINDS = {
    "C": {"function", "struct", "union", "enum", "typedef"},
    "C++": {"function", "class", "struct", "union", "enum", "typedef"},
    "JavaScript": {"function", "class", "method", "generator", "getter", "setter"},
    "TypeScript": {"function", "class", "interface", "method", "enum", "alias", "generator"},
    "C#": {"class", "struct", "interface", "enum", "method", "typedef"},
    "Python": {"class", "function", "member"},
}
_SHARE = {"C++": 0.97, "JavaScript": 0.95}
_OURS = {
    "class", "struct", "union", "enum", "interface", "type", "function", "method", "concept"
}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--extras", type=int, default=50, help="how many of each language (50)")
    parser.add_argument("--missing", type=int, default=0, help="print as many that are missing (0)")
    parser.add_argument("folders", nargs="*", type=Path)
    arguments = parser.parse_args()
    if shutil.which("ctags") is None:
        sys.exit("ctags is missing: apt-get install universal-ctags")
    with tempfile.TemporaryDirectory(prefix="ctags-recall-") as name:
        trees = arguments.folders or list(fetched(Path(name)))
        figures = Figures()
        for tree in trees:
            figures.compare(tree)
        figures.show(arguments.extras, arguments.missing)
    sys.exit(0 if figures.good else 1)


def fetched(folder: Path) -> Iterator[Path]:
    """Downloads the packages, each into its own folder."""
    for package in PACKAGES["npm"]:
        subprocess.run(["npm", "pack", "--silent", package], cwd=folder, check=True)
    for package in PACKAGES["pip"]:
        subprocess.run(
            [
                sys.executable,
                *["-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", ":all:"],
                package,
            ],
            cwd=folder,
            check=True,
        )
    for archive in sorted([*folder.glob("*.tgz"), *folder.glob("*.tar.gz")]):
        target = folder / "trees" / archive.name.removesuffix(".gz")
        with tarfile.open(archive) as packed:
            packed.extractall(target, filter="data")
        yield target
    yield Path(shutil.__file__).parent  # Python's own library


class Figures:
    """The names in all trees, by language and file."""

    def __init__(self) -> None:
        self._both: Counter[str] = Counter()
        self._theirs: Counter[str] = Counter()
        self._trees: dict[tuple[str, str], list[int]] = defaultdict(lambda: [0, 0])
        self._missing: dict[str, list[str]] = defaultdict(list)
        self._extra: dict[str, list[str]] = defaultdict(list)

    @property
    def good(self) -> bool:
        return all(self.recall(each) >= _SHARE.get(each, 0.98) for each in self._theirs)

    def recall(self, language: str) -> float:
        return self._both[language] / self._theirs[language]

    def compare(self, tree: Path) -> None:
        files = dict(sources(tree))
        for language in sorted({language for language, _ in files.values()}):
            paths = [path for path, (other, _) in files.items() if other == language]
            theirs = ctags(language, paths)
            for path in paths:
                self._compare(tree, language, path, files[path][1], theirs[str(path)])

    def _compare(self, tree: Path, language: str, path: Path, content: bytes, tags: Tags) -> None:
        theirs = tags.compared
        grammar = "TSX" if path.suffix == ".tsx" else language
        symbols = extract(grammar, content)
        every = {plain(symbol.name) for symbol in symbols}
        both = theirs.keys() & every
        self._both[language] += len(both)
        self._theirs[language] += len(theirs)
        figures = self._trees[language, tree.name]
        figures[0] += len(both)
        figures[1] += len(theirs)
        lines = content.decode(errors="replace").splitlines()
        for name in theirs.keys() - every:
            self._missing[language].append(shown(tree, path, theirs[name], name, lines))
        for symbol in symbols:
            if symbol.kind in _OURS and plain(symbol.name) not in tags.every:
                self._extra[language].append(
                    shown(tree, path, symbol.start_line, f"{symbol.kind} {symbol.name}", lines)
                )

    def show(self, extras: int, missing: int) -> None:
        chosen = random.Random(0)  # noqa: S311
        for language in sorted(self._theirs):
            print(f"{language}: {self.recall(language):.4f} of {self._theirs[language]}")
            for (other, tree), (both, theirs) in sorted(self._trees.items()):
                if other == language and theirs:
                    print(f"    {tree}: {both / theirs:.4f} of {theirs}")
        for title, lists, number in (
            ("extra", self._extra, extras),
            ("missing", self._missing, missing),
        ):
            for language, found in sorted(lists.items()):
                print(f"\n{title}, {language} ({len(found)}):")
                print("\n".join(chosen.sample(found, min(number, len(found)))))


def shown(tree: Path, path: Path, line: int, name: str, lines: list[str]) -> str:
    text = lines[line - 1].strip()[:100] if 0 < line <= len(lines) else ""
    return f"  {name}  |{text}|  {path.relative_to(tree)}:{line}"


def sources(tree: Path) -> Iterator[tuple[Path, tuple[str, bytes]]]:
    """Yields the files to compare, with language and content."""
    paths = [path for path in sorted(tree.rglob("*")) if path.is_file() and not path.is_symlink()]
    context = RepositoryContext(path.relative_to(tree).as_posix() for path in paths)
    for path in paths:
        if "site-packages" in path.parts or path.stat().st_size > 1024 * 1024:
            continue
        content = decoded_text(path.read_bytes())
        language = language_of(path.relative_to(tree).as_posix(), content, context)
        if skip_by_content(language, content):
            continue
        language = "TypeScript" if language == "TSX" else language
        if language in _KINDS:
            yield path, (language, content)


@dataclass
class Tags:
    """The names that ctags finds in a file: the compared ones with lines, and all."""

    compared: dict[str, int] = field(default_factory=dict)
    every: set[str] = field(default_factory=set)


def ctags(language: str, paths: list[Path]) -> dict[str, Tags]:
    """Returns the names in each file."""
    done = subprocess.run(
        [
            *["ctags", "--quiet", "--output-format=json", "--fields=+nK", "-L", "-", "-f", "-"],
            *[f"--language-force={language}", "--kinds-C=+p", "--kinds-C++=+p"],
        ],
        input="\n".join(map(str, paths)),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        check=True,
    )
    found: dict[str, Tags] = defaultdict(Tags)
    for line in done.stdout.splitlines():
        tag = json.loads(line)
        name, tags = plain(tag["name"]), found[tag["path"]]
        tags.every.add(name)
        if tag.get("kind") in _KINDS[language] and is_real(tag):
            tags.compared.setdefault(name, tag["line"])
    return found


def is_real(tag: dict[str, str]) -> bool:
    """Whether the tag is real: not an invented name, a macro call or a false class.

    ctags 5.9 reports each named object of JavaScript as a class.
    """
    if re.match(r"__anon|anonymous|Anonymous|[A-Z][A-Z0-9_]+$", tag["name"]):
        return False
    is_class = tag["kind"] == "class" and tag["path"].endswith(("js", "jsx"))
    return not is_class or bool(re.search(r"\bclass\b|\bfunction\b|prototype", tag["pattern"]))


def plain(name: str) -> str:
    """Returns the name in a common spelling: without scopes, with normalized operators."""
    name = re.sub(r"^operator\s*(?=\W)", "", " ".join(name.split())).removeprefix("#")
    return re.split(r"::|(?<=\w)\.", name)[-1].removeprefix("~").replace(" ", "")


if __name__ == "__main__":
    main()
