"""Kinds of definitions: only the defined name is found, whatever surrounds it."""

# ruff: noqa: E501 (one shape per line)

from __future__ import annotations

import pytest

from worker.indexer.declarators import RESERVED
from worker.indexer.extraction import extract

C = [
    ("int f(a, b)\nint a; int b;\n{ return 0; }\n", {"f": (1, 3)}),
    ("int *f(a, b)\nint a; int b;\n{\n return 0;\n}\n", {"f": (1, 5)}),
    (
        "static struct node **\nf(n, g)\n  /* the node */\n  register struct node *n;\n"
        "  int (*g)();\n{\n}\n",
        {"f": (1, 7)},
    ),
    ("char *f(fmt, ...)\n  char *fmt; // the format\n{\n}\nint g(void) {}\n", {"f": (1, 4), "g": None}),
    ("char ****f(void) { return 0; }\n", {"f": None}),
    ("void (*f(int s, void (*g)(int)))(int) { return g; }\n", {"f": None}),
    ("int (*f(void))[3] { return 0; }\n", {"f": None}),
    ("int (*(*f(void))(int))(char) { return 0; }\nint (*h(void))(int);\n", {"f": None, "h": None}),
    ("int (f)(int a) { return 0; }\nint (g)(int a);\n", {"f": None, "g": None}),
    ("int (*pointer)(int);\nint (*many[3])(int);\nint f(void);\n", {"f": None}),
    ("typedef int (*t)(int), *u, v[3], (*w)[3];\n", {"t": None, "u": None, "v": None, "w": None}),
    ("typedef int (*(*t)(int))(char);\n", {"t": None}),
    ("APP_API thing app_open (void *a, thing b) {\n}\n", {"app_open": None}),
    ("APP_API thing *(app_open) (void) {\n}\n", {"app_open": None}),
    ("app_export thing app_open(void) {\n}\n", {"app_open": None}),
    ("API int f (int a) { return 0; }\nAPI size_t g (int a);\n", {"f": None, "g": None}),
    ("EXTERN const char *API f(void);\nint CALL g(int a) {}\n", {"f": None, "g": None}),
    ("DWORD WINAPI f(void *a) {\n}\nHRESULT STDCALL g(void);\n", {"f": None, "g": None}),
    ("BOOL f(int a);\nFILE *g(void);\nstatic VALUE h(void) {}\n", {"f": None, "g": None, "h": None}),
    ("APP_FUNC(struct a *) f(int b);\nMY_EXPORT(int) g(void) {}\n", {"f": None, "g": None}),
    ("void f(const char *a, ...) FORMAT(1, 2);\nint g(int a) HIDDEN;\n", {"f": None, "g": None}),
    ("void f(int a) NORETURN COLD(1) {\n}\n", {"f": (1, 2)}),
    ("static inline const char * FORMAT_ARG(3)\nf(char *out) {\n}\n", {"f": (1, 3)}),
    ("BEGIN_DECLS\nint f(void);\nDECLARE(a, b)\nint g(void);\nEND_DECLS\n", {"f": None, "g": None}),
    ("DECLARE(a, b);\nDEFINE_TEST(one)\n{\n  int x;\n}\nTEST(two) {\n}\nint f(void) {}\n", {"f": None}),
    ("OLD(3.1) APP_FUNC(void) f(int, char **);\nAPP_FUNC(int)\ng(int a);\n", {"f": None, "g": None}),
    ("void APP_SYMBOL(f)(int a) {\n}\nint g(void) {}\n", {"g": None}),
    ("static thing *a GUARDED_BY(lock) = 0;\nthing b ALIGNED(8);\nint f(void);\n", {"f": None}),
    ("static\nINLINE\nint f(void)\n{\n}\n", {"f": None}),
    ("int MD5(char *a) {\n}\nvoid\nINIT(void)\n{\n}\n", {"MD5": None, "INIT": None}),
    ("int f OF((int a, char *b));\nint g __P((void));\nint h(void);\n", {"f": None, "g": None, "h": None}),
    ("struct API s { int a; };\nenum API e { A };\nunion u_API u { int a; };\n", {"s": None, "e": None, "u": None}),
    ("enum kind { A };\nstruct s { enum kind a : 3; enum kind b : BITS; };\n", {"kind": None, "s": None}),
    ("int f(int a) {\n  if (a) RETURN(1);\n  x = (int) MAX(a, 2);\n  return (int) MIN(a, 1);\n}\n", {"f": (1, 5)}),
    ("void f(void) {\n  int g(int);\n  g(1);\n}\n", {"f": None}),
    ("void f(void) {\n#if A\n  int g(int);\n#ifdef C\n  int j(int);\n#endif\n#elif B\n  int h(int);\n#else\n  int i(int);\n#endif\n}\n"
     "#if A\nint k(int);\n#else\nint m(int);\n#endif\n", {"f": None, "k": None, "m": None}),
    ("typedef unsigned char uint8_t;\ntypedef int mine;\n", {"mine": None}),
    ("__attribute__((cold)) void f(void);\nvoid g(void) __attribute__((cold));\n", {"f": None, "g": None}),
]  # fmt: skip
CPLUSPLUS = [
    ("class API A {\n public:\n  A();\n  ~A();\n  virtual int f() const;\n};\n", {"A": (1, 6), "~A": None, "f": None}),
    ("class lib_EXPORT A final : public B {\n  void f();\n};\n", {"A": None, "f": None}),
    ("class ALIGN(8) API A\n    : public B, C<D>\n{\n  void f();\n};\n", {"A": None, "f": None}),
    ("struct A final { void f(); };\nclass B : public A {};\n", {"A": None, "B": None, "f": None}),
    ("enum class API E : int { A };\nenum struct F { B };\nenum G : char { C };\n", {"E": None, "F": None, "G": None}),
    ("class A;\nclass API B;\nA *f(class C *c);\n", {"f": None}),
    ("struct A {\n  explicit operator bool() const { return true; }\n  operator  const char *() const;\n"
     "  operator T&();\n};\nA::operator int() const {}\n",
     {"A": None, "operator bool": (2, 2), "operator const char*": None, "operator T&": None, "operator int": (6, 6)}),
    ("template <class T> A<T>::operator B<T>() {}\n", {"operator B<T>": None}),
    ("struct A {\n  A& operator =(const A&);\n  bool operator ()(int) const;\n  void *operator new(size_t);\n"
     "  int operator\"\"_x(int);\n};\n",
     {"A": None, "operator=": None, "operator()": None, "operator new": None, 'operator""_x': None}),
    ("int &f() {}\nint *&g();\nint &&h();\nA::B *&C::D::k() {}\n", {"f": None, "g": None, "h": None, "k": None}),
    ("int a::b::c::d::e::f() {}\nA<int>::B<C>::~B() {}\nvoid ::g() {}\n", {"f": None, "~B": None, "g": None}),
    ("template <> struct p<int> { int f(); };\ntemplate <> class q<a<b>, 3 != 2> { int g(); };\n"
     "template <> union r<int> { int a; };\nint p<long>::h() {}\n",
     {"p": None, "q": None, "r": None, "f": None, "g": None, "h": None}),
    ("template <> int f<int>(int a) { return a; }\ntemplate <class T> T *g(T a);\n", {"f": None, "g": None}),
    ("class A {\n  Q_OBJECT\n  Q_PROPERTY(int a READ a)\n public:\n  void f() NOEXCEPT;\n  void g() const OVERRIDE { }\n"
     "  A() NOEXCEPT : b(1) {}\n  DISABLE_COPY(A)\n  MARK(A);\n};\n", {"A": None, "f": None, "g": None}),
    ("class A {\n  A(int);\n  API static int f(int);\n  friend void h(A);\n};\nA::A(int a) : b(a) {}\n", {"A": None, "f": None}),
    ("namespace a {\nBEGIN_NS\nB::B(int b)\n    : c_(std::move(b)) {}\nB::~B() {}\n}\n", {"a": None, "B": None, "~B": None}),
    ("struct A {\n  API A(int a, int b)\n      : c(a), d(b) {}\n  API ~A();\n  BOOL f(int a);\n};\n", {"A": None, "~A": None, "f": None}),
    ("namespace a {\nBEGIN_NS\nint f();\nEND_NS\n}\n", {"a": None, "f": None}),
    ("struct A::B { void f(); };\nclass A::C : D {};\n", {"B": None, "C": None, "f": None}),
    ("auto f() -> int { return 1; }\nauto g() NOEXCEPT -> int;\ndecltype(auto) h() {}\n", {"f": None, "g": None, "h": None}),
]  # fmt: skip


@pytest.mark.parametrize(("source", "names"), C)
def test_c_is_read_to_the_innermost_name(source: str, names: dict[str, object]) -> None:
    check("C", source, names)


@pytest.mark.parametrize(("source", "names"), [*C[4:27], *CPLUSPLUS])
def test_cplusplus_is_read_to_the_innermost_name(source: str, names: dict[str, object]) -> None:
    check("C++", source, names)


def check(language: str, source: str, names: dict[str, object]) -> None:
    symbols = extract(language, source.encode())
    assert {symbol.name for symbol in symbols} == set(names)
    for name, lines in names.items():
        found = [(each.start_line, each.end_line) for each in symbols if each.name == name]
        assert lines is None or lines in found


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("x = { key: function () {}, arrow: () => {}, 'quoted': async () => {}, gen: function* () {} };",
         {"key", "arrow", "quoted", "gen"}),
        ("a.one = b.two = function () {};\nvar three = exports.four = () => {};", {"one", "two", "three", "four"}),
        ("A.prototype.one = A.prototype.two = function () {};", {"one", "two"}),
        ("A.prototype = { one: function () {}, two() {} };", {"one", "two"}),
        ("module.exports = function one() {};\nmodule.exports.two = function* () {};", {"one", "two"}),
        ("use(function one(a) { a.two = function two() {}; });", {"one", "two"}),
        ("get(req, 'x', function one() {});\n(function two() {})();\nnew A(function three() {});", {"one", "two", "three"}),
        ("function one() { return function two() {}; }\nlist = [function three() {}];", {"one", "two", "three"}),
        ("function f() { const one = useCallback(() => {}, []); const two = React.memo(function Inner() {}); }",
         {"f", "one", "two", "Inner"}),
        ("exports.list = wrap(async (req, res) => {});\nx = { get: handler(() => {}), 'put': a.b(() => {}) };",
         {"list", "get", "put"}),
        ("function f() { var one = function () {}.bind(this); obj['two'] = () => {}; }", {"f", "one", "two"}),
        ("var one = function one() {};\na.two = function other() {};", {"one", "two", "other"}),
        ("function f() { const a = list.map(x => x); const b = set(() => {}); timer = setTimeout(() => {}); }", {"f"}),
        ("a.b = list.map(x => x);\nx = { y: list.filter(z => z), t: setTimeout(() => {}, 1) };", set()),
        ("let later; later = () => {};\nthis.one = async function () {};", {"later", "one"}),
        ("class A { one = () => {}; #two = function () {}; static three = async () => {}; four = 1 }",
         {"A", "one", "#two", "three"}),
        ("const A = class B {};\nmodule.exports = class C {};\na.D = class {};", {"A", "B", "C", "D"}),
    ],
)  # fmt: skip
@pytest.mark.parametrize("language", ["JavaScript", "TypeScript", "TSX"])
def test_javascript_functions_are_found_wherever_they_are_assigned(
    language: str, source: str, names: set[str]
) -> None:
    if language != "JavaScript":
        source = source.replace("#two = ", "two = ")
        names = {name.replace("#", "") for name in names}
    symbols = extract(language, source.encode())
    assert {symbol.name for symbol in symbols} == names
    assert len(symbols) == len(names)


def test_csharp_conversion_operators_are_found() -> None:
    source = b"""class A {
      public static implicit operator int(A a) => 1;
      public static explicit operator List<B>(A a) { return null; }
      public static A operator +(A a, A b) => a;
    }"""
    assert [symbol.name for symbol in extract("C#", source)] == [
        "A",
        "operator int",
        "operator List<B>",
        "+",
    ]


def test_ruby_names_may_be_strings() -> None:
    source = b"""
define_method("one") { }
define_method(:"two words") { }
self.define_singleton_method('three') { }
attr_accessor "four", :five
alias_method "six", "seven"
attr_reader 'eight'
define_method("nine_#{x}") { }
def `(command); end
describe("ten") { }
"""
    assert [symbol.name for symbol in extract("Ruby", source)] == [
        "one",
        "two words",
        "three",
        "four",
        "five",
        "six",
        "eight",
        "`",
    ]


@pytest.mark.parametrize("language", ["C", "C++"])
def test_reserved_words_and_macro_calls_are_not_names(language: str) -> None:
    source = "".join(
        f"API {word} name{number} (int a) {{ return 0; }}\n{word}(a);\nMACRO(a) {{ }}\n"
        f"struct {word} x{{}};\ntypedef int {word};\n{word} {{ }}\nX {word} (int) MACRO_B;\n"
        for number, word in enumerate(sorted(RESERVED[language]))
    )
    names = {symbol.name for symbol in extract(language, source.encode())}
    assert not names & RESERVED[language]
    assert not {name for name in names if name.isupper()} - {"X"}
