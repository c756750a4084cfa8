"""Uses a repository's other files to decide a file's language and whether to skip it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress

from worker.indexer.attributes import NAME, Attributes
from worker.indexer.protocol import IndexingError
from worker.indexer.repository import Blobs
from worker.indexer.skip_rules import MANIFESTS, Reason, skip_by_path

_SOURCES = {
    "C": "c",
    "C++": "cc cpp cxx c++ hpp hh hxx C cppm ixx ino",
    "Objective-C": "m",
    "Objective-C++": "mm",
}
_BY_EXTENSION = {word: language for language, words in _SOURCES.items() for word in words.split()}
# How many source names to keep, and how many attributes files to read.
_STEMS = 100_000
_ATTRIBUTES = 1000


class RepositoryContext:
    """What the files of a commit say about other files."""

    def __init__(self, paths: Iterable[str] = ()) -> None:
        self._stems: dict[str, str] = {}
        self._folders: dict[str, set[str]] = {}
        self._manifests: set[str] = set()
        self._attribute_files: list[tuple[str, str]] = []
        self._attributes = Attributes()
        for path in paths:
            self.add(path, "")

    def add(self, path: str, oid: str) -> None:
        folder, _, name = path.rpartition("/")
        lower = name.lower()
        if lower in MANIFESTS:
            self._manifests.add(path[: -len(name)] + lower)
        if name == NAME and len(self._attribute_files) < _ATTRIBUTES:
            self._attribute_files.append((path, oid))
        stem, _, extension = name.rpartition(".")
        language = _BY_EXTENSION.get(extension) or _BY_EXTENSION.get(extension.lower())
        if language and stem:
            for each in {"", folder}:
                self._folders.setdefault(each, set()).add(language)
            if len(self._stems) < _STEMS:
                self._stems[path.rpartition(".")[0]] = language

    def read_attributes(self, blobs: Blobs) -> None:
        """Reads the .gitattributes. Call it once, after the last file."""
        for path, oid in sorted(self._attribute_files, key=lambda file: file[0].count("/")):
            with suppress(IndexingError):  # a file over the size limit was not fetched
                for content in blobs.read([oid]):
                    self._attributes.add(path, content)

    def attributes_of(self, path: str) -> Mapping[Reason, bool]:
        """Returns what the .gitattributes say for or against each reason to skip a file."""
        return self._attributes.of(path)

    def skip_by_path(self, path: str) -> Reason | None:
        return skip_by_path(path, self._manifests, self.attributes_of(path))

    def header_language(self, path: str) -> str | None:
        """Returns the language of the source with the header's name, or else of its folder.

        Returns None if there are no sources or several languages.
        """
        if language := self._stems.get(path.rpartition(".")[0]):
            return language
        for folder in (path.rpartition("/")[0], ""):
            if found := self._folders.get(folder):
                return next(iter(found)) if len(found) == 1 else None
        return None


NO_CONTEXT = RepositoryContext()
