"""What language a file is in, and which files are not worth indexing. Names are GitHub's."""

from __future__ import annotations

import re
from typing import Literal

Reason = Literal[
    "symlink",
    "submodule",
    "vendored",
    "generated",
    "minified",
    "binary",
    "oversized",
    "duplicate_path",
    "path_too_long",
]

# The languages whose symbols are extracted: the wheel that carries the grammar, its function there.
GRAMMARS = {
    "Python": ("tree_sitter_python", "language"),
    "JavaScript": ("tree_sitter_javascript", "language"),
    "TypeScript": ("tree_sitter_typescript", "language_typescript"),
    "TSX": ("tree_sitter_typescript", "language_tsx"),
    "Go": ("tree_sitter_go", "language"),
    "Rust": ("tree_sitter_rust", "language"),
    "Java": ("tree_sitter_java", "language"),
    "C": ("tree_sitter_c", "language"),
    "C++": ("tree_sitter_cpp", "language"),
    "C#": ("tree_sitter_c_sharp", "language"),
    "Ruby": ("tree_sitter_ruby", "language"),
    "PHP": ("tree_sitter_php", "language_php"),
    "Shell": ("tree_sitter_bash", "language"),
}

_EXTENSIONS = {
    "Ada": "adb ads",
    "Assembly": "asm s",
    "Astro": "astro",
    "Batchfile": "bat cmd",
    "C": "c",
    "C#": "cs csx",
    "C++": "cc cpp cxx c++ hh hpp hxx h++ ipp tpp inl",
    "CMake": "cmake",
    "CSS": "css",
    "CSV": "csv",
    "Clojure": "clj cljc cljs edn",
    "CoffeeScript": "coffee",
    "Crystal": "cr",
    "Cuda": "cu cuh",
    "Cython": "pyx pxd pxi",
    "D": "d di",
    "Dart": "dart",
    "Dockerfile": "dockerfile",
    "Elixir": "ex exs",
    "Elm": "elm",
    "Erlang": "erl hrl",
    "F#": "fs fsi fsx",
    "Fortran": "f f77 f90 f95 f03 f08 for",
    "GLSL": "glsl vert frag",
    "Go": "go",
    "Gradle": "gradle",
    "GraphQL": "graphql gql",
    "Groovy": "groovy",
    "HCL": "hcl tf tfvars",
    "HTML": "html htm xhtml",
    "Haskell": "hs lhs",
    "INI": "ini cfg conf properties",
    "JSON": "json jsonc json5 jsonl geojson webmanifest",
    "Java": "java",
    "JavaScript": "js jsx mjs cjs es6",
    "Julia": "jl",
    "Jupyter Notebook": "ipynb",
    "Kotlin": "kt kts",
    "Less": "less",
    "Lua": "lua",
    "Makefile": "mk mak make",
    "Markdown": "md markdown mdx",
    "Nim": "nim",
    "Nix": "nix",
    "OCaml": "ml mli",
    "Objective-C": "m",
    "Objective-C++": "mm",
    "PHP": "php phtml",
    "Pascal": "pas dpr",
    "Perl": "pl pm t",
    "PowerShell": "ps1 psm1 psd1",
    "Protocol Buffer": "proto",
    "Python": "py pyi pyw",
    "QML": "qml",
    "R": "r rmd",
    "Racket": "rkt",
    "Ruby": "rb rake gemspec ru",
    "Rust": "rs",
    "SCSS": "scss sass",
    "SQL": "sql",
    "SVG": "svg",
    "Scala": "scala sbt",
    "Scheme": "scm ss",
    "Shell": "sh bash zsh ksh bats",
    "Solidity": "sol",
    "Starlark": "bzl star bazel",
    "Svelte": "svelte",
    "Swift": "swift",
    "TOML": "toml",
    "TSX": "tsx",
    "Tcl": "tcl",
    "TeX": "tex sty bib",
    "Text": "txt text",
    "TypeScript": "ts mts cts",
    "VHDL": "vhd vhdl",
    "Verilog": "v vh sv svh",
    "Vim Script": "vim",
    "Visual Basic .NET": "vb",
    "Vue": "vue",
    "WebAssembly": "wat wast",
    "XML": "xml xsd xsl xslt plist xaml csproj vcxproj",
    "YAML": "yml yaml",
    "Zig": "zig",
    "fish": "fish",
    "reStructuredText": "rst",
}
_NAMES = {
    "Dockerfile": "dockerfile containerfile",
    "Makefile": "makefile gnumakefile bsdmakefile",
    "CMake": "cmakelists.txt",
    "Ruby": "rakefile gemfile podfile vagrantfile brewfile",
    "Starlark": "build workspace",
    "Groovy": "jenkinsfile",
    "Shell": ".bashrc .bash_profile .profile .zshrc .zshenv",
    "Text": "license licence copying notice authors readme changelog",
    "Go Module": "go.mod",
    "JSON": ".babelrc .eslintrc .prettierrc",
    "INI": ".editorconfig .gitconfig .npmrc",
    "Ignore List": ".gitignore .dockerignore .npmignore .eslintignore .prettierignore",
    "Git Attributes": ".gitattributes",
}
_INTERPRETERS = {
    "Python": "python pypy",
    "JavaScript": "node nodejs",
    "TypeScript": "deno ts-node bun tsx",
    "Shell": "sh bash dash zsh ksh ash bats",
    "fish": "fish",
    "Ruby": "ruby jruby",
    "Perl": "perl",
    "PHP": "php",
    "Lua": "lua luajit",
    "R": "rscript",
    "Tcl": "tclsh wish expect",
    "Awk": "awk gawk mawk",
    "Makefile": "make",
    "PowerShell": "pwsh",
}


def _by_word(table: dict[str, str]) -> dict[str, str]:
    return {word: language for language, words in table.items() for word in words.split()}


_BY_EXTENSION = _by_word(_EXTENSIONS)
_BY_NAME = _by_word(_NAMES)
_BY_INTERPRETER = _by_word(_INTERPRETERS)
_SHEBANG = re.compile(rb"#! *(?:\S*/)?(?:env +(?:-S +)?(?:\w+=\S* +)*)?(?:\S*/)?([a-zA-Z-]+)")

_VENDORED = """
    node_modules bower_components jspm_packages vendor vendors _vendor third_party third-party
    thirdparty 3rdparty godeps pods carthage .yarn site-packages
"""
_GENERATED_FOLDERS = "dist .next .nuxt .svelte-kit __pycache__ .ipynb_checkpoints __snapshots__"
_GENERATED_NAMES = """
    package-lock.json npm-shrinkwrap.json yarn.lock pnpm-lock.yaml bun.lock composer.lock
    cargo.lock poetry.lock pdm.lock uv.lock pipfile.lock gemfile.lock flake.lock go.sum mix.lock
    podfile.lock
"""
_GENERATED_ENDINGS = """
    .pb.go _pb2.py _pb2.pyi _pb2_grpc.py .pb.cc .pb.h .js.map .css.map .ts.map .mjs.map .cjs.map
    .g.dart .freezed.dart .designer.cs .g.cs .snap
"""
_MINIFIED_ENDINGS = ".min.js .min.mjs .min.cjs .min.css -min.js .bundle.js"
_SKIP_FOLDERS: dict[str, Reason] = {
    **dict.fromkeys(_GENERATED_FOLDERS.split(), "generated"),
    **dict.fromkeys(_VENDORED.split(), "vendored"),
}
_SKIP_NAMES = frozenset(_GENERATED_NAMES.split())
_SKIP_ENDINGS: dict[Reason, tuple[str, ...]] = {
    "generated": tuple(_GENERATED_ENDINGS.split()),
    "minified": tuple(_MINIFIED_ENDINGS.split()),
}
_GENERATED_MARK = re.compile(
    rb"^[^\S\n]*(?://|#|/?\*|--|;|<!--).*(?:@generated\b|\bcode generated\b.*\bdo not edit\b)",
    re.IGNORECASE | re.MULTILINE,
)
_MINIFIABLE = frozenset({"JavaScript", "CSS"})
# What a header of another language than C has, and C has not.
_HEADERS = {
    "Objective-C": re.compile(rb"^[ \t]*@(?:interface|protocol|class|import)\b", re.MULTILINE),
    "C++": re.compile(
        rb"^[ \t]*(?:class\s+\w+|namespace\b|template\s*<|using\s+\w+"
        rb"|(?:public|protected|private)\s*:|#\s*include\s*<[a-z_]+>)",
        re.MULTILINE,
    ),
}
_HEAD_BYTES = 8000


def language_of(path: str, content: bytes) -> str | None:
    """The language of a file by its name, else by the interpreter its first line names.

    A header of C, C++ or Objective-C is told by its content.
    """
    name = path.rpartition("/")[2].lower()
    if language := _BY_NAME.get(name):
        return language
    if name.endswith(".h"):
        return next((other for other, mark in _HEADERS.items() if mark.search(content)), "C")
    if language := _BY_EXTENSION.get(name.rpartition(".")[2]) if "." in name else None:
        return language
    if name.startswith(("dockerfile.", "makefile.")):
        return _BY_NAME[name.partition(".")[0]]
    if content.startswith(b"#!") and (interpreter := _SHEBANG.match(content[:200])):
        return _BY_INTERPRETER.get(interpreter[1].decode().lower())
    return None


def skip_by_path(path: str) -> Reason | None:
    """Why the file at `path` is left out, as far as its path tells."""
    *folders, name = path.lower().split("/")
    for folder in folders:
        if reason := _SKIP_FOLDERS.get(folder):
            return reason
    if name in _SKIP_NAMES:
        return "generated"
    return next((why for why, ends in _SKIP_ENDINGS.items() if name.endswith(ends)), None)


def skip_by_content(language: str | None, content: bytes) -> Reason | None:
    """Why a file is left out, as far as its content tells. UTF-16 counts as binary."""
    head = content[:_HEAD_BYTES]
    if b"\0" in head:
        return "binary"
    top = head[:1000]
    if b"generated" in top.lower() and _GENERATED_MARK.search(top):
        return "generated"
    lines = content.count(b"\n") + 1
    if language in _MINIFIABLE and len(content) > 4096 and len(content) / lines > 500:
        return "minified"
    return None
