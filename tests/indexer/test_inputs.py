"""Small repositories that indexers have misread: expected and forbidden symbols.

Each is an example of a kind of fault. The tests of shapes and languages have more of each kind.
"""

# ruff: noqa: E501 (one source per line)

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.indexer.conftest import Git, Index


@dataclass(frozen=True)
class Case:
    """`found` has names by file, `kinds` and `lines` those of some names. None means no language."""

    about: str
    files: dict[str, str | bytes]
    found: dict[str, list[str]] = field(default_factory=dict)
    never: dict[str, list[str]] = field(default_factory=dict)
    languages: dict[str, str | None] = field(default_factory=dict)
    kinds: dict[str, dict[str, str]] = field(default_factory=dict)
    lines: dict[str, dict[str, list[int]]] = field(default_factory=dict)


LEGACY = "namespace N { public class Legacy { public void Läuft() { } } }\r\n"
CASES = [
    Case(
        about="Ruby's ways to define a method, a constant and a class",
        files={
            "a.rb": """\
class Foo::Bar < Base
  attr_accessor :a, :b
  attr_reader "str"
  private attr_reader :priv
  private def hidden; end
  define_method(:dyn) { }
  define_method("dyn_str") { }
  self.define_singleton_method(:sing) { }
  alias_method :new_a, :a
  alias old_a a
  class << self
    def build; end
    attr_writer :conf
  end
  def self.make = new
  def ==(o) = true
  def []=(k, v); end
  def +@; end
  def `(cmd); end
  def name?; end
  def save!; end
  def x=(v); end
  CONST = 1
  Point = Struct.new(:x) do
    def dist; end
  end
  Err = Class.new(StandardError)
  Val = Data.define(:a)
  def_delegators :@a, :size
  scope :active, -> { }
  module_function
  def mf; end
end
class Foo::Bar
  def again; end
end
module A; module B; def self.q; end; end; end
def obj.single; end
x = <<~EOS
  def not_a_method; end
EOS
__END__
def after_end; end
""",
        },
        found={
            "a.rb": [
                "+@",
                "==",
                "A",
                "B",
                "Bar",
                "CONST",
                "Err",
                "Point",
                "Val",
                "[]=",
                "`",
                "a",
                "again",
                "b",
                "build",
                "conf",
                "dist",
                "dyn",
                "dyn_str",
                "hidden",
                "make",
                "mf",
                "name?",
                "new_a",
                "old_a",
                "priv",
                "q",
                "save!",
                "single",
                "x=",
            ]
        },
        never={"a.rb": ["after_end", "not_a_method"]},
    ),
    Case(
        about="old C: the types of parameters behind their names",
        files={
            "kr.c": """\
int krplain(a, b)
int a; int b;
{ return 0; }

int *krptr(a, b)
int a; int b;
{
  return 0;
}

static char *
name_of(node, deep)
    struct node *node;
    int deep;
{
    return 0;
}

int after(void) { return 1; }
""",
        },
        found={"kr.c": ["after", "krplain", "krptr", "name_of"]},
        lines={"kr.c": {"krplain": [1, 3], "krptr": [5, 9], "name_of": [11, 17]}},
    ),
    Case(
        about="C: many stars, and functions that return functions",
        files={
            "x.c": """\
char ***three(void) { return 0; }
void (*handler(int sig, void (*f)(int)))(int) { return f; }
int (*table(void))[3] { return 0; }
int plain(void) { return 0; }
""",
        },
        found={"x.c": ["handler", "plain", "table", "three"]},
    ),
    Case(
        about="C: a macro before the type, a space before the brackets",
        files={
            "s.c": """\
VM_API vm_CFunction vm_atpanic (vm_State *L, vm_CFunction panicf) {
  return 0;
}
LIB_API vm_Integer vmx_len (vm_State *L, int idx) {
  return 0;
}
LIB_API vm_State *(vmx_newstate) (void) {
  return 0;
}
API int f (int a) { return 0; }
API size_t g (int a) { return 0; }
""",
        },
        found={"s.c": ["f", "g", "vmx_len", "vmx_newstate", "vm_atpanic"]},
        never={"s.c": ["int", "vm_CFunction", "vm_Integer", "size_t"]},
    ),
    Case(
        about="C: a macro behind a prototype",
        files={
            "a.h": """\
void put_printf(const char *format, ...) FORMAT_PRINTF(1, 2);
int put_plain(int a) ATTR_HIDDEN;
static inline const char * FORMAT_ARG(3)
gen_fmt(char *out, int width) {
  return out;
}
void after(void);
""",
        },
        found={"a.h": ["after", "gen_fmt", "put_plain", "put_printf"]},
        never={"a.h": ["FORMAT_ARG"]},
    ),
    Case(
        about="sources in UTF-16, UTF-8 with a mark, and Latin-1",
        files={
            "Be.cs": b"\xfe\xff" + LEGACY.encode("utf-16-be"),
            "Le.cs": b"\xff\xfe" + LEGACY.encode("utf-16-le"),
            "Utf8.cs": LEGACY.encode("utf-8-sig"),
            "Latin1.cs": LEGACY.encode("latin-1"),
        },
        found={
            "Le.cs": ["Legacy"],
            "Be.cs": ["Legacy"],
            "Utf8.cs": ["Legacy", "Läuft", "N"],
            "Latin1.cs": ["Legacy", "N"],
        },
    ),
    Case(
        about="lines that end with a carriage return alone",
        files={
            "mac.c": "int a(void) {\r  return 1; // x\r}\rint b(void) {\r  return 2;\r}\r",
            "mac.js": "// head\rfunction a() {\r  return 1 // one\r}\rfunction b() {\r  return 2\r}\r",
            "mac.py": "def a():\r    return 1\r\rdef b():\r    return 2\r",
        },
        found={"mac.py": ["a", "b"], "mac.c": ["a", "b"], "mac.js": ["a", "b"]},
        lines={"mac.py": {"b": [4, 5]}, "mac.c": {"b": [4, 6]}, "mac.js": {"b": [5, 7]}},
    ),
    Case(
        about="JavaScript's ways to give a function a name",
        files={
            "f.js": """\
function Store(db) { this.addUser = () => {}; }
exports.foo = () => {};
module.exports.bar = function () {};
Store.prototype.baz = function () {};
class C { onClick = (e) => {}; #secret() {} static make() {} get size() { return 1 } set size(v) {} async *gen() {} }
const fx = function () {};
const Bar = Foo.create({ jump() { return 1 }, hop: function () {}, skip: () => {}, 'quoted'() {} });
KIT().use(function funcGen(A) { A.func1 = function func1() {}; });
module.exports = { list() {}, save: async (x) => {}, load: function load() {} };
exports.a1 = exports.b1 = function () {};
obj['indexed'] = function () {};
const Memo = React.memo(() => null);
const Fwd = React.forwardRef(function FwdInner(props, ref) { return null });
function Comp() { const handleClear = () => {}; const cb = useCallback(() => {}, []); return null }
var legacy = function named() {};
getter(req, 'protocol', function protocol() { return 1; });
Foo.prototype = { proto1: function () {}, proto2() {} };
let { destructured = () => 1 } = opts;
label: for (;;) { break label }
export default class extends Base { inDefault() {} }
""",
        },
        found={
            "f.js": [
                "#secret",
                "Bar",
                "C",
                "Memo",
                "Store",
                "a1",
                "addUser",
                "b1",
                "bar",
                "baz",
                "foo",
                "func1",
                "funcGen",
                "fx",
                "gen",
                "handleClear",
                "hop",
                "inDefault",
                "jump",
                "legacy",
                "list",
                "load",
                "make",
                "onClick",
                "proto1",
                "proto2",
                "protocol",
                "quoted",
                "save",
                "size",
                "skip",
            ]
        },
    ),
    Case(
        about=".C and .H are C++",
        files={
            "solver.C": """\
#include "solver.H"
namespace Foam {
class solver : public base {
 public:
  void solve() { }
};
}
void Foam::fvMesh::update() { }
template<class T> T max(T a, T b) { return a > b ? a : b; }
""",
            "solver.H": """\
#ifndef solver_H
#define solver_H
#include "base.H"
struct state { int n() const; bool operator==(const state& o) const; };
#endif
""",
        },
        found={
            "solver.C": ["Foam", "max", "solve", "solver", "update"],
            "solver.H": ["n", "state"],
        },
        languages={"solver.C": "C++", "solver.H": "C++"},
    ),
    Case(
        about="C++ headers whose comments speak of other things",
        files={
            "iface.h": """\
/*!
@interface IThing
*/
struct IThing { virtual void go() = 0; };
""",
            "shape.h": """\
#pragma once
/**
  @class Shape
  @brief A shape.
*/
class Shape {
 public:
  virtual double area() const = 0;
};
""",
        },
        found={"shape.h": ["Shape", "area"], "iface.h": ["IThing", "go"]},
        languages={"shape.h": "C++", "iface.h": "C++"},
    ),
    Case(
        about="translations of Qt are no TypeScript",
        files={
            "app_de.ts": """\
<?xml version="1.0" encoding="utf-8"?>
<!DOCTYPE TS>
<TS version="2.1" language="de">
<context>
    <name>MainWindow</name>
    <message>
        <source>function open() { return 1 }</source>
        <translation>class Datei { oeffnen() {} }</translation>
    </message>
    <message>
        <source>Save</source>
        <translation>interface Sichern {}</translation>
    </message>
</context>
</TS>
""",
        },
        never={"app_de.ts": ["Datei", "Sichern", "oeffnen", "open"]},
        languages={"app_de.ts": "XML"},
    ),
    Case(
        about="scripts without an extension, by their first line",
        files={
            "sync": """\
#!/usr/bin/env -S uv run --script
# /// script
# dependencies = []
# ///
def sync_all():
    pass
""",
            "t1": "#!/usr/bin/env\tpython3\ndef with_tab(): pass\n",
            "t2": """\
#!/usr/bin/env -S python3 -u
def with_s(): pass
""",
            "t3": """\
#!/usr/bin/env -iS FOO=1 bash
with_is() { :; }
""",
            "t4": """\
#!/usr/bin/python3.12
def dotted(): pass
""",
            "t5": b"\xef\xbb\xbf#!/usr/bin/env python3\ndef with_bom(): pass\n",
            "t6": """\
#!/usr/bin/env -S deno run --allow-net
export function denoMain(): void {}
""",
            "t7": """\
#!/bin/sh
posix_fn() { :; }
""",
            "t8": """\
#!/usr/bin/env -S npx tsx
export function tsxMain(a: number): void {}
""",
        },
        found={
            "sync": ["sync_all"],
            "t1": ["with_tab"],
            "t2": ["with_s"],
            "t3": ["with_is"],
            "t4": ["dotted"],
            "t5": ["with_bom"],
            "t6": ["denoMain"],
            "t7": ["posix_fn"],
            "t8": ["tsxMain"],
        },
        languages={"sync": "Python"},
    ),
    Case(
        about="PHP under other extensions",
        files={
            "blog.install": """\
<?php
function blog_schema() {}
""",
            "blog.module": """\
<?php
function blog_menu() {}
""",
            "node.inc": """\
<?php
function node_load($id) {}
class NodeThing { function save() {} }
""",
            "old.php5": "<?php function old5() {}\n",
            "v.ctp": "<?php function ctp() {} ?>\n",
        },
        found={
            "node.inc": ["NodeThing", "node_load", "save"],
            "blog.module": ["blog_menu"],
            "blog.install": ["blog_schema"],
            "old.php5": ["old5"],
        },
        languages={"node.inc": "PHP", "blog.module": "PHP"},
    ),
    Case(
        about="one's own code in folders whose names suggest that it is not",
        files={
            "api/vendors/views.py": "class VendorView: pass\n",
            "app/pods/login/controller.js": "export default class LoginController { submit() {} }\n",
            "internal/pods/list.go": """\
package pods
func List() {}
""",
            "lib/carthage/hanno.rb": """\
class Hanno
end
""",
            "src/components/deploy/status.ts": "export function statusInfo() {}\n",
            "src/dist/normal.py": "def pdf(x): return x\n",
            "src/main/java/com/shop/vendor/VendorService.java": "package com.shop.vendor; public class VendorService { void pay() {} }\n",
        },
        found={
            "src/main/java/com/shop/vendor/VendorService.java": ["VendorService"],
            "app/pods/login/controller.js": ["LoginController"],
            "internal/pods/list.go": ["List"],
            "src/dist/normal.py": ["pdf"],
            "src/components/deploy/status.ts": ["statusInfo"],
            "api/vendors/views.py": ["VendorView"],
            "lib/carthage/hanno.rb": ["Hanno"],
        },
    ),
    Case(
        about="comments that speak of generated files, and one that is",
        files={
            "Auto.cs": """\
// <auto-generated>
//   This code was generated by a tool.
// </auto-generated>
class Auto { void Run() {} }
""",
            "gen.go": """\
// Package gen writes files marked "Code generated by gen. DO NOT EDIT.".
package gen
func Write() {}
""",
            "lint.py": """\
# Files that carry the @generated marker are skipped by this linter.
def lint(): pass
""",
        },
        found={"lint.py": ["lint"], "gen.go": ["Write"]},
    ),
    Case(
        about="a syntax error costs nothing that stands behind it",
        files={
            "W.java": """\
class W { void one() {} void bad( { } void two() {} }
class X {}
""",
            "w.go": """\
package w
func One() {}
func Bad( {
}
func Two() {}
""",
            "w.php": """\
<?php
class A { function one() {} function bad( { } function two() {} }
function three() {}
""",
            "w.py": """\
def one(): pass
class Half
    def x(self): pass
def two(): pass
""",
            "w.sh": """\
one() { :; }
bad() { if true; then
}
two() { :; }
""",
            "w.ts": """\
export function one() {}
export function broken( { return }
export class Two { run() {} }
export const three = () => {}
""",
        },
        found={
            "w.ts": ["Two", "one", "three"],
            "w.py": ["one", "two"],
            "w.go": ["One", "Two"],
            "w.php": ["A", "one", "three", "two"],
            "w.sh": ["one", "two"],
            "W.java": ["W", "X", "one", "two"],
        },
    ),
    Case(
        about="a long line of data does not make a file minified",
        files={
            "app.js": "function real() {}\nvar u='data:image/png;base64,"
            + "A" * 150_000
            + "';\nfunction more() {}\n"
            + "// x\n" * 200,
            "vendor.ts": ";".join(f"function f{n}(a){{return a+{n}}}" for n in range(3000)),
        },
        found={"app.js": ["more", "real"]},
    ),
    Case(
        about="C++: a macro between class and its name",
        files={
            "e.cpp": """\
#define EXPORT __attribute__((visibility("default")))
class EXPORT Foobar {
 public:
  unsigned int x;
  virtual double area(int x) const;
  void reset() { x = 0; }
};
class EXPORT Derived : public Foobar
{
public:
  Derived();
  ~Derived();
  using A = int;
};
struct EXPORT Options { int a; };
int after() { return 0; }
""",
            "e.h": """\
#pragma once
#include <string>
namespace lib {
class LIB_API Widget : public Base {
 public:
  explicit Widget(std::string name);
  void draw() const;
 private:
  int n_;
};
enum class LIB_API Color { red };
}
""",
        },
        found={
            "e.cpp": ["Derived", "Foobar", "Options", "after", "area", "reset", "~Derived"],
            "e.h": ["Color", "Widget", "draw", "lib"],
        },
        kinds={
            "e.cpp": {"Foobar": "class", "Derived": "class", "Options": "struct"},
            "e.h": {"Widget": "class"},
        },
    ),
    Case(
        about="C++: conversion operators",
        files={
            "o.cpp": """\
class A {
 public:
  explicit operator bool() const { return true; }
  operator int() const;
  operator const char*() const;
};
A::operator int() const { return 1; }
inline A::operator const char*() const { return ""; }
int after() { return 0; }
""",
        },
        found={"o.cpp": ["A", "after", "operator bool", "operator const char*", "operator int"]},
        never={"o.cpp": ["bool", "int", "operato"]},
    ),
    Case(
        about="C++: a specialization has its template's name",
        files={
            "t.cpp": """\
template <typename T> struct printer { int parse(); };
template <> struct printer<int> { int parse_int(); };
template <typename T, typename Char>
struct printer<T, Char, when_t<kind_of<T, Char>::value !=
    own_type>> { int odd(); };
template <> class holder<int> { void hold(); };
template <> union pun<int> { int a; };
int printer<long>::out() { return 1; }
""",
        },
        found={"t.cpp": ["printer", "hold", "holder", "odd", "out", "parse", "parse_int"]},
        never={
            "t.cpp": [
                "printer<T, Char, when_t<kind_of<T, Char>::value != own_type>>",
                "printer<int>",
                "pun<int>",
            ]
        },
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.about)
def test_input_is_read_correctly(case: Case, repository: Git, index: Index) -> None:
    repository.commit(dict(case.files))
    outcome = index(repository.path)
    paths = {number: path for number, path, *_ in outcome.files}
    languages = {path: language for _, path, language, *_ in outcome.files}
    symbols: dict[str, list[list[Any]]] = {path: [] for path in case.files}
    for number, *symbol in outcome.symbols:
        symbols[str(paths[number])].append(symbol)
    for path, names in case.found.items():
        assert set(names) <= {name for name, *_ in symbols[path]}
    for path, names in case.never.items():
        assert not set(names) & {name for name, *_ in symbols[path]}
    for path, language in case.languages.items():
        assert languages.get(path) == language
    for path, kinds in case.kinds.items():
        found = {(name, kind) for name, kind, *_ in symbols[path]}
        assert set(kinds.items()) <= found
    for path, lines in case.lines.items():
        spans = {(name, int(first), int(last)) for name, _, first, last, _ in symbols[path]}
        assert {(name, *span) for name, span in lines.items()} <= spans
