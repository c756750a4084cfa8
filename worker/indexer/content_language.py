"""Detects a file's language from its first lines."""

from __future__ import annotations

import re

from worker.indexer.repository_context import RepositoryContext

HEAD_BYTES = 8000
_HEADER_BYTES = 100_000
_INTERPRETERS = {
    "Python": "python pypy uv uvx pipx micropython",
    "JavaScript": "node nodejs",
    "TypeScript": "deno ts-node tsx bun",
    "Shell": "sh bash dash zsh ksh ash mksh bats",
    "fish": "fish",
    "Ruby": "ruby jruby rake macruby",
    "Perl": "perl",
    "PHP": "php",
    "Lua": "lua luajit",
    "R": "rscript",
    "Tcl": "tclsh wish expect",
    "Awk": "awk gawk mawk",
    "Makefile": "make",
    "PowerShell": "pwsh",
    "Groovy": "groovy",
    "Julia": "julia",
    "Elixir": "elixir",
    "Scala": "scala",
}
_BY_INTERPRETER = {
    word: language for language, words in _INTERPRETERS.items() for word in words.split()
}
# Programs that start another program, which follows their options.
_STARTERS = """
    env npx pnpx bunx pnpm yarn npm exec dlx poetry hatch rye pdm pipenv run busybox sudo nice time
"""
# Options of env that take a value.
_WITH_VALUE = frozenset({"-u", "--unset", "-C", "--chdir", "-P"})
_NIX = re.compile(rb"^#![ \t]*nix-shell\b.*[ \t]-i[ \t]*(\S+)", re.MULTILINE)

_COMMENTS = re.compile(rb"/(?:\*(?:[^*]|\*(?!/))*+(?:\*/|\Z)|/[^\n]*+)")
# Code in headers that is not C. Each pattern begins with a fixed character, such as a line feed.
# Alternatives with different beginnings take many times as long.
_HEADERS = {
    "Objective-C": (
        re.compile(rb"\n[ \t]*(?:@(?:interface|protocol|class|import|property)\b|#[ \t]*import\b)"),
    ),
    "C++": (
        re.compile(
            rb"[\n{};][ \t]*(?:(?:enum[ \t]+)?class\s+\w+|namespace\b|template\s*<|using\s+\w+"
            rb"|(?:public|protected|private)\s*:|(?:virtual|explicit|constexpr|friend)\s+\w"
            rb"|#[ \t]*include\s*<[a-z_]+>|#[ \t]*ifndef[ \t]+__cplusplus\s+#[ \t]*error)"
        ),
        re.compile(rb"operator(?<!\woperator)\s*(?:[-+*/=<>!%&|^~]+|\[\]|\(\))\s*\("),
        re.compile(rb"::(?<=\w::)~?\w"),
        re.compile(
            rb"\)[ \t]*(?:const[ \t]*)?"
            rb"(?:noexcept|override|const[ \t]*[;{]|=[ \t]*(?:default|delete)[ \t]*;)"
        ),
    ),
}
# What a C compiler does not see is no evidence against C.
_ONLY_CPLUSPLUS = re.compile(
    rb"^[ \t]*#[ \t]*if(?:def[ \t]+|[ \t]+defined[ \t(]*)__cplusplus\b.*?"
    rb"^[ \t]*#[ \t]*(?:endif|else)",
    re.MULTILINE | re.DOTALL,
)


def _pattern(text: bytes) -> re.Pattern[bytes]:
    return re.compile(text, re.MULTILINE | re.IGNORECASE)


# Extensions shared by languages: the first whose mark is in the head, else the table's.
_XML = _pattern(rb"\A\s*<(?:\?xml|!DOCTYPE|TS\b|tileset\b)")
_PHP = _pattern(rb"\A(?:#!.*\n)?\s*<\?(?:php|=|\s)")
_AMBIGUOUS: dict[str, tuple[tuple[str, re.Pattern[bytes]], ...]] = {
    "inc": (
        ("PHP", _PHP),
        ("Pascal", _pattern(rb"^\s*(?:\{\$|procedure\b|unit\b|function\b.*:.*;\s*$)")),
        (
            "C++",
            _pattern(rb"^\s*(?:#\s*(?:include|define|if|ifdef|ifndef|pragma)\b|//|/\*|namespace)"),
        ),
        ("HTML", _pattern(rb"\A\s*<[a-z!]")),
    ),
    "install": (("PHP", _PHP), ("Shell", _pattern(rb"^\w+\s*\(\)\s*\{"))),
    "m": (
        (
            "Objective-C",
            re.compile(
                rb"^\s*(?:@(?:interface|implementation|protocol|import|class|end)"
                rb"\b|#\s*(?:import|include|define|pragma)\b)",
                re.MULTILINE,
            ),
        ),
        ("Mathematica", _pattern(rb"\A\s*\(\*|^\s*BeginPackage\[")),
        ("Mercury", _pattern(rb"^:-\s*module\b")),
        (
            "MATLAB",
            _pattern(rb"^\s*(?:%|function\b[^({;]*(?:=|\(|$)|classdef\b|end\s*$|clear\b|clc\b)"),
        ),
    ),
    "pl": (
        (
            "Perl",
            _pattern(
                rb"^\s*(?:use\s+[\w:]+|my\s+[$@%(]|sub\s+\w+|package\s+[\w:]+|require\b|=\w+|"
                rb"print\b)|\A#!.*perl"
            ),
        ),
        ("Prolog", _pattern(rb"^\s*:-|^\s*\w+(?:\(.*\))?\s*:-|^\w+\(.*\)\.\s*$|\A\s*%")),
    ),
    "pm": (("Perl", _pattern(rb"^\s*(?:use|package|sub)\b")), ("X PixMap", _pattern(rb"^/\* XPM"))),
    "pro": (
        ("Prolog", _pattern(rb"^\s*:-|^\w+\(.*\)\s*(?::-|\.\s*$)")),
        ("QMake", _pattern(rb"^\s*(?:QT|TEMPLATE|TARGET|SOURCES|HEADERS|CONFIG)\s*[+-]?=")),
        ("IDL", _pattern(rb"^\s*(?:pro|function)\s+\w+,")),
    ),
    "v": (
        (
            "Rocq Prover",
            _pattern(rb"^\s*(?:Require|Theorem|Lemma|Proof\.|Inductive|Fixpoint|From)\b|\A\s*\(\*"),
        ),
        (
            "Verilog",
            _pattern(rb"^\s*(?:module|endmodule|`timescale|`include|`define|always|package)\b"),
        ),
        ("V", _pattern(rb"^(?:pub\s+)?(?:fn|struct|enum|module|import)\s+\w")),
    ),
    "d": (
        ("Makefile", _pattern(rb"^[\w./-]+\.o\s*:")),
        ("DTrace", _pattern(rb"^\s*\w*:\w*:[\w*]*:\w*|^#pragma\s+D\b")),
    ),
    "fs": (
        ("GLSL", _pattern(rb"^\s*#\s*version\b|^\s*(?:uniform|precision|varying)\b|gl_FragColor")),
        ("Forth", _pattern(rb"^: \S+|^\\ ")),
    ),
    "rs": (("RenderScript", _pattern(rb"^#\s*pragma\s+(?:version|rs)\b")),),
    "php": (("Hack", _pattern(rb"\A(?:#!.*\n)?\s*<\?hh\b")),),
    "t": (
        ("Perl", _pattern(rb"^\s*(?:use\s+[\w:]+|my\s+[$@%(])|\A#!.*perl")),
        ("Terra", _pattern(rb"^\s*(?:local|terra)\s+\w")),
    ),
}


def interpreter_language(head: bytes) -> str | None:
    """Returns the language of the interpreter on the first line, however it is started."""
    line = head[2:].partition(b"\n")[0].partition(b"\r")[0][:500]
    if b"nix-shell" in line and (nix := _NIX.search(head[:1000].partition(b"\n")[2])):
        line = nix[1]
    words = iter(line.decode(errors="replace").replace('"', " ").replace("'", " ").split())
    for word in words:
        if word in _WITH_VALUE:
            next(words, None)
        if word.startswith("-S") and len(word) > 2:
            word = word[2:]  # noqa: PLW2901
        word = word.removeprefix("--split-string=")  # noqa: PLW2901
        if word.startswith("-") or re.match(r"\w+=", word):
            continue
        program = re.split(r"[/\\]", word)[-1].lower().removesuffix(".exe")
        if program in _STARTERS.split():
            continue
        bare = re.match(r"[a-z_]*", program)
        return _BY_INTERPRETER.get(program) or _BY_INTERPRETER.get(bare[0] if bare else "")
    return None


def header_language(path: str, content: bytes, context: RepositoryContext) -> str:
    """Returns the language of a header of the C family, by its code or the files beside it."""
    code = b"\n" + _ONLY_CPLUSPLUS.sub(b"", _COMMENTS.sub(b" ", content[:_HEADER_BYTES]))
    for language, marks in _HEADERS.items():
        if any(mark.search(code) for mark in marks):
            return language
    return "C++" if path.endswith(".H") else context.header_language(path) or "C"


def language_by_head(extension: str, language: str | None, head: bytes) -> str | None:
    """Returns the language by the file's head, if several languages share the extension."""
    for other, mark in _AMBIGUOUS.get(extension, ()):
        if mark.search(head):
            return other
    start = head[:200].lstrip()
    if start.startswith(b"<") and language in {"TypeScript", "TSX", "JavaScript", "Rust", "C"}:
        return "XML" if _XML.match(head) else language
    return "PHP" if language is None and _PHP.match(head) else language
