"""Language detection by name, first line, head and neighbors."""

from __future__ import annotations

import pytest

from worker.indexer.languages import language_of
from worker.indexer.repository_context import RepositoryContext
from worker.indexer.text import decoded_text


@pytest.mark.parametrize(
    ("path", "content", "language"),
    [
        ("a.py", b"", "Python"),
        ("deep/er/types.pyi", b"", "Python"),
        ("A.PY", b"", "Python"),
        ("a.mjs", b"", "JavaScript"),
        ("a.jsx", b"", "JavaScript"),
        ("a.d.ts", b"", "TypeScript"),
        ("a.cts", b"", "TypeScript"),
        ("a.tsx", b"", "TSX"),
        ("a.go", b"", "Go"),
        ("src/Makefile", b"", "Makefile"),
        ("Dockerfile.dev", b"", "Dockerfile"),
        ("a.py.go", b"", "Go"),
        ("a.h", b"#include <stdio.h>\nint main(void);\n", "C"),
        ("a.h", b"#pragma once\n\nnamespace a {\n", "C++"),
        ("a.h", b"#include <vector>\n", "C++"),
        ("a.h", b"struct a { int public_; };\n/* class A */", "C"),
        ("a.H", b"@interface A : NSObject\n@end\n", "Objective-C"),
        ("config.fish", b"", "fish"),
        ("bin/tool", b"#!/usr/bin/env python3\nprint()", "Python"),
        ("bin/tool", b"#!/usr/bin/env -S node --test", "JavaScript"),
        ("bin/tool", b"#! /bin/bash -e\n", "Shell"),
        ("bin/tool", b"#!/opt/own/thing\n", None),
        ("bin/tool", b"#!\xff\xff", None),
        ("py", b"", None),
        (".py/data", b"", None),
        ("a.unknown", b"", None),
        ("", b"", None),
    ],
)
def test_language_of_a_file_is_detected(path: str, content: bytes, language: str | None) -> None:
    assert language_of(path, content) == language


@pytest.mark.parametrize(
    ("path", "content", "language"),
    [
        ("a.C", b"int a;", "C++"),
        ("a.c", b"int a;", "C"),
        ("a.H", b"struct a { int b; };", "C++"),
        ("mod.cppm", b"", "C++"),
        ("mod.ixx", b"", "C++"),
        ("A.podspec", b"", "Ruby"),
        ("SConstruct", b"", "Python"),
        ("site/SConscript", b"", "Python"),
        ("PKGBUILD", b"", "Shell"),
        ("pkg/BUILD", b"", "Starlark"),
        ("pkg/build", b"", None),
        ("pkg/WORKSPACE", b"#!/bin/sh\n", "Shell"),
        ("build", b"#!/usr/bin/env python3\n", "Python"),
        ("workspace", b"#!/bin/bash\n", "Shell"),
        ("Rakefile", b"#!/usr/bin/env rake\n", "Ruby"),
        ("run.sh", b"#!/usr/bin/env python3\n", "Python"),
        ("cli.ts", b"#!/usr/bin/env node\n", "TypeScript"),
        ("tool.py", b"#!/bin/sh\n", "Python"),
        ("config.py.in", b"", "Python"),
    ],
)
def test_strong_evidence_has_priority_over_weak_evidence(
    path: str, content: bytes, language: str | None
) -> None:
    assert language_of(path, content) == language


@pytest.mark.parametrize(
    ("line", "language"),
    [
        (b"#!/usr/bin/env\tpython3", "Python"),
        (b"#!\t/usr/bin/python3.12\t-u", "Python"),
        (b"#!/usr/bin/env -S uv run --script", "Python"),
        (b"#!/usr/bin/env -S uv run", "Python"),
        (b"#!/usr/bin/env -Spypy3 -O", "Python"),
        (b"#!/usr/bin/env -S -u HOME -i A=1 B=2 ruby2.7 -w", "Ruby"),
        (b"#!/usr/bin/env -iS FOO=1 bash", "Shell"),
        (b"#!/usr/bin/env --split-string=node --test", "JavaScript"),
        (b'#!/usr/bin/env -S "perl -w"', "Perl"),
        (b"#!/usr/bin/env -S npx --yes tsx", "TypeScript"),
        (b"#!/usr/bin/env -S poetry run python", "Python"),
        (b"#!/usr/bin/env nix-shell\n#! nix-shell -i python3 -p hello", "Python"),
        (b"\xef\xbb\xbf#!/usr/bin/env python3", "Python"),
        (b"#!/usr/bin/env python3\r", "Python"),
        (b"#!/usr/bin/env", None),
        (b"#!", None),
        (b"#!/usr/bin/env -S -u", None),
        (b" #!/bin/sh", None),
    ],
)
def test_interpreter_in_the_first_line_is_detected(line: bytes, language: str | None) -> None:
    assert language_of("bin/tool", line + b"\nx") == language


@pytest.mark.parametrize(
    ("content", "language"),
    [
        (b"/**\n  @class Shape\n*/\nclass Shape {};\n", "C++"),
        (b"/*!\n@interface IThing\n*/\nstruct IThing { virtual void go() = 0; };", "C++"),
        (b"/*\n@protocol ours\n namespace of names\n*/\nint a(void);\n", "C"),
        (b"// class of things\n//\nint a(void);\n", "C"),
        (b'#ifdef __cplusplus\nextern "C" {\nclass A;\n#endif\nint a(void);\n', "C"),
        (b"struct a { int b; bool operator==(const a&) const; };\n", "C++"),
        (b"struct a {\n  a() = default;\n};\n", "C++"),
        (b"int a(int b) { return (b & 1); }\nint class;\n", "C"),
        (b"/* @end */\n@protocol P <NSObject>\n@end\n", "Objective-C"),
        (b"#import <Foundation/Foundation.h>\n", "Objective-C"),
    ],
)
def test_comments_are_not_evidence_for_the_language_of_a_header(
    content: bytes, language: str
) -> None:
    assert language_of("a.h", content) == language


@pytest.mark.parametrize(
    ("paths", "language"),
    [
        (["lib/a.cpp"], "C++"),
        (["lib/a.c"], "C"),
        (["lib/b.cc", "lib/d.c", "lib/a.cc"], "C++"),
        (["lib/b.cc", "lib/d.c"], "C"),
        (["lib/b.cxx", "main.c"], "C++"),
        (["src/b.C"], "C++"),
        (["src/b.cpp", "src/b.c"], "C"),
        (["lib/a.m"], "Objective-C"),
        (["lib/a.py"], "C"),
        ([], "C"),
    ],
)
def test_ambiguous_header_has_the_language_of_its_neighbors(
    paths: list[str], language: str
) -> None:
    assert language_of("lib/a.h", b"struct a { int b; };", RepositoryContext(paths)) == language


@pytest.mark.parametrize(
    ("path", "content", "language"),
    [
        ("app_de.ts", b'<?xml version="1.0"?>\n<!DOCTYPE TS>\n<TS></TS>', "XML"),
        ("app_fr.ts", b'\xef\xbb\xbf<!DOCTYPE TS><TS version="2.1">', "XML"),
        ("app.ts", b"<T>(a: T) => a;\n", "TypeScript"),
        ("tiles.tsx", b'<?xml version="1.0"?><tileset/>', "XML"),
        ("node.inc", b"<?php\nfunction a() {}", "PHP"),
        ("ops.inc", b"#define A 1\n", "C++"),
        ("data.inc", b"1, 2, 3\n", None),
        ("blog.module", b"<?php\n", "PHP"),
        ("blog.theme", b"\n<?php\n", "PHP"),
        ("blog.module", b"words", None),
        ("blog.install", b"<?php\n", "PHP"),
        ("pkg.install", b"post_install() {\n}\n", "Shell"),
        ("old.php5", b"", "PHP"),
        ("v.ctp", b"", "PHP"),
        ("a.m", b"@implementation A\n@end\n", "Objective-C"),
        ("a.m", b"function y = f(x)\n  y = x;\nend\n", "MATLAB"),
        ("a.m", b"% a script\nx = 1;\n", "MATLAB"),
        ("a.m", b"", "Objective-C"),
        ("a.pl", b"use strict;\nsub a {}\n", "Perl"),
        ("a.pl", b":- module(a, []).\nlikes(mary, wine).\n", "Prolog"),
        ("a.pl", b"", "Perl"),
        ("a.v", b"module a; endmodule\n", "Verilog"),
        ("a.v", b"Require Import Arith.\nTheorem a : b.\n", "Rocq Prover"),
        ("a.d", b"a.o: a.c a.h\n", "Makefile"),
        ("a.d", b"module a;\n", "D"),
        ("a.php", b"<?hh\n", "Hack"),
    ],
)
def test_first_lines_decide_for_an_ambiguous_extension(
    path: str, content: bytes, language: str | None
) -> None:
    assert language_of(path, content) == language


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-be", "utf-16-le", "utf-32", "utf-8-sig"])
def test_text_with_a_byte_order_mark_is_read(encoding: str) -> None:
    mark = "" if encoding in {"utf-16", "utf-32", "utf-8-sig"} else "\ufeff"
    content = (mark + "#!/bin/sh\nläuft() { :; }\n").encode(encoding)
    text = decoded_text(content)
    assert text.decode("utf-8-sig") == "#!/bin/sh\nläuft() { :; }\n"
    assert language_of("tool", text) == "Shell"


@pytest.mark.parametrize(
    "content", [b"\xff\xfe\0", b"\xff\xfe\x00\xd8\x00", b"\xff", b"", b"a\xff"]
)
def test_bytes_that_only_start_like_text_are_unchanged(content: bytes) -> None:
    assert decoded_text(content) == content
