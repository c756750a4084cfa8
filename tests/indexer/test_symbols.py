"""Symbols of single files, against lists written by hand."""

# ruff: noqa: E501 (one source per line)

from __future__ import annotations

from pathlib import Path

import pytest

from worker.indexer.extraction import extract, read
from worker.indexer.languages import GRAMMARS, language_of

CORPUS = Path(__file__).with_name("corpus")


def expected(name: str) -> list[tuple[str, ...]]:
    lines = (CORPUS / f"{name}.symbols").read_text().splitlines()
    return [tuple(line.split()) for line in lines if not line.startswith("# ")]


def found(language: str, source: bytes | str) -> list[tuple[str, ...]]:
    source = source.encode() if isinstance(source, str) else source
    return [
        tuple("-" if value is None else str(value).replace(" ", "_") for value in symbol)
        for symbol in extract(language, source)
    ]


FILES = sorted(path.stem for path in CORPUS.glob("*.symbols"))


def test_corpus_has_a_file_of_each_language() -> None:
    assert {language_of(name, (CORPUS / name).read_bytes()) for name in FILES} == set(GRAMMARS)


@pytest.mark.parametrize("name", FILES)
def test_symbols_of_a_real_file_match_a_handwritten_list(name: str) -> None:
    source = (CORPUS / name).read_bytes()
    language = language_of(name, source)
    assert language in GRAMMARS
    assert found(language, source) == expected(name)


@pytest.mark.parametrize("name", FILES)
def test_windows_line_ends_and_a_byte_order_mark_change_nothing(name: str) -> None:
    source = b"\xef\xbb\xbf" + (CORPUS / name).read_bytes().replace(b"\n", b"\r\n")
    assert found(str(language_of(name, source)), source) == expected(name)


@pytest.mark.parametrize("name", FILES)
def test_lines_that_end_with_a_carriage_return_are_counted(name: str) -> None:
    source = (CORPUS / name).read_bytes().replace(b"\n", b"\r")
    assert found(str(language_of(name, source)), source) == expected(name)


@pytest.mark.parametrize("name", FILES)
def test_invalid_utf8_does_not_lose_symbols_around_it(name: str) -> None:
    source = (CORPUS / name).read_bytes()
    language = str(language_of(name, source))
    mark = "#" if language in {"Python", "Ruby", "Shell"} else "//"
    if language == "PHP":
        source = source.replace(b"<?php\n", b"<?php // gr\xf6\xdfe\n", 1)
    elif not source.startswith(b"#!"):
        source = f"{mark} größe\n".encode("latin-1") + source
    source += f"{mark} größe".encode("latin-1")
    names = [symbol[0] for symbol in expected(name)]
    assert [symbol[0] for symbol in found(language, source)] == names


@pytest.mark.parametrize(
    ("language", "source", "names"),
    [
        (
            "Python",
            "def good():\n  pass\n\ndef bad(:\n\nclass After:\n  def run(self): ...\n",
            {"good", "After", "run"},
        ),
        ("JavaScript", "function good() {}\nfunction (((\nfunction after() {}\n", {"good"}),
        (
            "TypeScript",
            "interface Good {}\nenum {{{\nclass After { run() {} }\n",
            {"Good", "After", "run"},
        ),
        ("TSX", "const good = () => <p>a</p>\nfunction bad() { return <p> }\n", {"good"}),
        ("Go", "package a\nfunc good() {}\nfunc bad( {\nfunc after() {}\n", {"good", "bad"}),
        (
            "Rust",
            "fn good() {}\nstruct {{{\n}}}\nimpl A { fn run(&self) {} }\nfn after() {}\n",
            {"good", "run", "after"},
        ),
        (
            "Java",
            "class Good { void run() { int = ; } void after() {} }\nclass Last {",
            {"Good", "run", "after"},
        ),
        ("C", "int good(void) { return 1; }\nint bad( {\n}\nint after(void) {}\n", {"good"}),
        (
            "C++",
            "class Good { void run(); @@@ int n; void after() {} };\nvoid Good::run() { ) }\n",
            {"Good", "run", "after"},
        ),
        (
            "C#",
            "class Good { void Run() { int = ; } void After() { } }\nclass Last {",
            {"Good", "Run", "After"},
        ),
        ("Ruby", "class Good\n  def run\n  end\nend\ndef bad(\ndef after\nend\n", {"Good", "run"}),
        (
            "PHP",
            "<?php class Good { function run() { $a = ; } function after() {} }",
            {"Good", "run", "after"},
        ),
        ("Shell", "good() { :; }\nif then fi\nafter() { :; }\n", {"good", "after"}),
    ],
)
def test_broken_syntax_still_gives_the_symbols_around_it(
    language: str, source: str, names: set[str]
) -> None:
    assert names <= {symbol[0] for symbol in found(language, source)}


@pytest.mark.parametrize("language", GRAMMARS)
@pytest.mark.parametrize("source", [b"", b"\n", b"\xff\xfe\x00", b"\0" * 100, b")" * 1000])
def test_no_input_is_an_error(language: str, source: bytes) -> None:
    assert extract(language, source) == []


def test_invalid_utf8_in_a_name_is_replaced() -> None:
    assert [s.name for s in extract("Python", b"# caf\xe9\nclass A: ...\ndef b(): ...\n")] == [
        "A",
        "b",
    ]
    names = [s.name for s in extract("JavaScript", b"function caf\xe9() {}\nfunction b() {}")]
    assert names[-1] == "b"
    for name in names:
        name.encode()


def test_name_is_one_line_without_nul_and_of_limited_length() -> None:
    names = [s.name for s in extract("JavaScript", b"class A { [a +\n\t b]() {} 'x\ny'() {} }")]
    assert "[a + b]" in names
    assert all(name.isprintable() for name in names)
    (symbol,) = extract("Python", b"def " + b"a" * 10_000 + b"(): ...")
    assert len(symbol.name) == 500
    assert symbol.name.endswith("…")


def test_lines_end_where_the_definition_ends() -> None:
    assert found("Python", "def a():\n  return 1\n\n\n\ndef b(): pass") == [
        ("a", "function", "1", "2", "-"),
        ("b", "function", "6", "6", "-"),
    ]


BEHIND_AN_ERROR = [
    ("C", "int one(void) {}\nint bad( {\n}\nint two(void) {\n}\nstruct three {\n};\n"),
    ("C", "int one(void) {\n  if (a) {\n}\nint two(void) {\n}\nint three(int a) {\n}\n"),
    ("C++", "void one() {}\nclass Bad : {\n  int (\n};\nvoid two() {\n}\nclass three {\n};\n"),
    ("Python", "def one(): pass\nclass Half\n    def x(self): pass\ndef two(): pass\nclass three: pass\n"),
    ("Python", "def one(): pass\nx = (1,\ndef two(): pass\ndef three(): pass\n"),
    ("JavaScript", "function one() {}\nfunction bad( { return }\nclass two {}\nconst three = () => {}\n"),
    ("JavaScript", "function one() {}\nvar a = {{ b\nfunction two() {}\nfunction three() {}\n"),
    ("TypeScript", "export function one() {}\nexport function bad( { return }\nexport class two { }\n"
     "export const three = () => {}\n"),
    ("TSX", "function one() {}\nfunction bad() { return <p> }\nfunction two() {}\nexport class three {}\n"),
    ("Go", "package a\nfunc one() {}\nfunc bad( {\n}\nfunc two() {}\ntype three struct {}\n"),
    ("Rust", "fn one() {}\nfn bad( {\n}\npub fn two() {}\nstruct three;\n"),
    ("Java", "class one { void f() {} }\nclass Bad { void g( { }\nclass two {}\npublic class three {\n}\n"),
    ("C#", "class one { }\nclass Bad { void G( { }\npublic class two { }\nclass three { }\n"),
    ("PHP", "<?php\nfunction one() {}\nfunction bad( {\n}\nfunction two() {}\nclass three {}\n"),
    ("Ruby", "def one\nend\ndef bad(\ndef two\nend\ndef three\nend\n"),
    ("Shell", "one() { :; }\nbad() { if true; then\n}\ntwo() { :; }\nfunction three { :; }\n"),
]  # fmt: skip


@pytest.mark.parametrize(("language", "source"), BEHIND_AN_ERROR)
def test_symbols_after_a_syntax_error_are_found(language: str, source: str) -> None:
    symbols = extract(language, source.encode())
    names = [symbol.name for symbol in symbols]
    lines = source.splitlines()
    for name in ("one", "two", "three"):
        assert names.count(name) == 1
        [symbol] = [symbol for symbol in symbols if symbol.name == name]
        assert name in lines[symbol.start_line - 1]


def test_broken_method_does_not_lose_other_methods_of_its_class() -> None:
    for language, source in [
        ("Java", "class W {\n  void one() {}\n  void bad( {\n  }\n  public void two() {\n  }\n}\nclass X {}\n"),
        ("TypeScript", "class W {\n  one() {}\n  bad( {\n  }\n  two() {}\n}\nclass X {}\n"),
        ("Python", "class W:\n  def one(self): pass\n  def bad(self:\n  def two(self): pass\nclass X: pass\n"),
        ("PHP", "<?php class W {\n function one() {}\n function bad( {\n }\n function two() {}\n}\nclass X {}\n"),
    ]:  # fmt: skip
        found = {symbol.name for symbol in extract(language, source.encode())}
        assert {"W", "one", "two", "X"} <= found, language


def test_dialect_is_parsed_with_the_better_grammar() -> None:
    flow = b"""// @flow
import type { A } from './a';
export type Props = { name: string, onClick: (e: Event) => void };
export opaque type Id = string;
function f<T>(a: T, b?: ?string): Array<T> { return [a]; }
class B<T> extends C<T> { state: State = {}; render(): Node { return (x: any); } }
export const g = (a: number): number => a;
"""
    names = {symbol.name for symbol in extract("JavaScript", flow)}
    assert {"Props", "f", "B", "render", "g"} <= names
    header = b"struct A { int f(); };\nA::A() {}\nusing B = int;\n"
    assert {"A", "f", "B"} <= {symbol.name for symbol in extract("C", header)}


@pytest.mark.parametrize("language", GRAMMARS)
def test_file_with_mostly_errors_counts_as_unparsed(language: str) -> None:
    text = {"Ruby": ") ] } )\n" * 40, "Shell": ") ;; fi done )\n" * 40}.get(language) or (
        "%% ]] )) ^^ ~~ ?? => := ;; [[ ((  && || @@ $$ !! \\\\ << >> ==\n" * 20
    )
    assert read(language, f"{'<?php ' * (language == 'PHP')}{text}".encode()) is None
    assert read(language, b"") == []


@pytest.mark.parametrize("language", ["C", "C++", "Java", "JavaScript", "Go", "Rust"])
def test_comment_after_a_syntax_error_is_not_read_as_code(language: str) -> None:
    heads = "struct N { int item; };\nint f(int a) {\n}\nfunction g() {}\nclass C {}\nfunc h() {}\nfn i() {}\n"
    source = f'x = ( "/*" ;\n/* for example:\n\n{heads}\n*/\n// struct M {{ int a; }}\n'
    assert found(language, source) == []


@pytest.mark.parametrize("language", ["C", "C++"])
def test_macro_after_a_syntax_error_is_not_read_as_code(language: str) -> None:
    source = "int x = ( ;\n#define M(a) \\\nint f(int a) { \\\n} \\\nstruct N { int b; }\nint g(void) {\n}\n"
    assert {name for name, *_ in found(language, source)} == {"M", "g"}


@pytest.mark.parametrize("language", ["C", "C++"])
def test_macro_with_a_comment_is_not_read_as_code(language: str) -> None:
    source = (
        "#define M(a) \\\n  /* one */ int f(int a) { return 0; } \\\n  /* and\\\n two */ \\\n"
        "  struct N { int API a; }; \\\n  int h(int);\nint g(void) { return 0; }\n"
    )
    assert found(language, source) == [
        ("M", "macro", "1", "6", "-"),
        ("g", "function", "7", "7", "-"),
    ]
