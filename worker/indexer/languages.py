"""Detects the language of a file. The names are those of GitHub."""

from __future__ import annotations

from worker.indexer.content_language import (
    HEAD_BYTES,
    header_language,
    interpreter_language,
    language_by_head,
)
from worker.indexer.repository_context import NO_CONTEXT, RepositoryContext

# The languages whose symbols are extracted: the wheel with the grammar, and its function.
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
    "C#": "cs csx cake",
    "C++": """
        cc cpp cxx c++ cp hh hpp hxx h++ ipp tpp tcc txx icc inl ino
        cppm ixx ccm cxxm c++m mpp mxx
    """,
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
    "Java": "java jav jsh",
    "JavaScript": "js jsx mjs cjs es es6 jsm njs ssjs xsjs",
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
    "PHP": "php php3 php4 php5 php7 php8 phps phpt phtml ctp",
    "Pascal": "pas dpr",
    "Perl": "pl pm t",
    "PowerShell": "ps1 psm1 psd1",
    "Protocol Buffer": "proto",
    "Python": "py pyi pyw py3 wsgi gyp gypi smk tac",
    "QML": "qml",
    "R": "r rmd",
    "Racket": "rkt",
    "Ruby": "rb rake gemspec podspec ru rbi rbw jbuilder rabl thor arb",
    "Rust": "rs",
    "SCSS": "scss sass",
    "SQL": "sql",
    "SVG": "svg",
    "Scala": "scala sbt",
    "Scheme": "scm ss",
    "Shell": "sh bash zsh ksh dash ash bats ebuild eclass zsh-theme command",
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
    "Ruby": """
        rakefile gemfile podfile vagrantfile brewfile appraisals berksfile capfile dangerfile
        fastfile guardfile puppetfile thorfile steepfile .irbrc .pryrc .simplecov
    """,
    "Python": "sconstruct sconscript wscript snakefile .pythonrc",
    "Groovy": "jenkinsfile",
    "JavaScript": "jakefile",
    "Shell": """
        pkgbuild apkbuild .bashrc .bash_profile .bash_aliases .bash_logout .profile .zshrc .zshenv
        .zprofile .zlogin .zlogout .kshrc .envrc
    """,
    "Text": "license licence copying notice authors readme changelog",
    "Go Module": "go.mod",
    "JSON": ".babelrc .eslintrc .prettierrc",
    "INI": ".editorconfig .gitconfig .npmrc",
    "Ignore List": ".gitignore .dockerignore .npmignore .eslintignore .prettierignore",
    "Git Attributes": ".gitattributes",
}
# Everyday words, which are file names in this spelling only.
_EXACT_NAMES = {"Starlark": "BUILD WORKSPACE BUCK Tiltfile"}


def _by_word(table: dict[str, str]) -> dict[str, str]:
    return {word: language for language, words in table.items() for word in words.split()}


_BY_EXTENSION = _by_word(_EXTENSIONS)
_BY_NAME = _by_word(_NAMES)
_BY_EXACT_NAME = _by_word(_EXACT_NAMES)


def language_of(path: str, content: bytes, context: RepositoryContext = NO_CONTEXT) -> str | None:
    """Returns the language of a file by its name, its first line and, if two match, its head.

    An interpreter on the first line takes precedence over a bare name or a script's extension. For
    a header whose content does not decide, uses the files in `context`.
    """
    name = path.rpartition("/")[2]
    head = content[:HEAD_BYTES].removeprefix(b"\xef\xbb\xbf")
    stem, dot, extension = name.rpartition(".")
    lower = extension.lower()
    script = interpreter_language(head) if head.startswith(b"#!") else None
    if by_name := _BY_EXACT_NAME.get(name) or _BY_NAME.get(name.lower()):
        return script or by_name
    if dot and lower == "h":
        return header_language(path, content, context)
    language = _BY_EXTENSION.get(lower) if dot else None
    if extension == "C":
        return "C++"
    if language is None and lower in {"in", "tmpl"} and stem:
        language = _BY_EXTENSION.get(stem.rpartition(".")[2].lower()) if "." in stem else None
    if script and language in {None, "Shell", "Perl", "Tcl", "Awk", "Text"}:
        return script
    if language is None and name.lower().startswith(("dockerfile.", "makefile.")):
        return _BY_NAME[name.lower().partition(".")[0]]
    return language_by_head(lower, language, head)
