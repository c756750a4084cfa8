"""Blanks macros that C's preprocessor would remove and that confuse the grammar.

The grammar parses C without the definitions of macros. In some places a word can only be a macro.
Such words are replaced with spaces before parsing, so offsets and lines stay the same. The patterns
check what precedes or follows to be sure; words in expressions stay. To be fast, a pattern begins
with a character and looks behind it where needed.
"""

from __future__ import annotations

import re
from collections.abc import Callable

_IsSure = Callable[[bytearray, re.Match[bytes]], bool]
_ARGUMENTS = rb"\((?:[^();{}]|\([^();{}]*\))*+\)"
_CAPITALS = rb"[A-Z][A-Z0-9_]++(?!\w)"
_MACRO = _CAPITALS + rb"(?:\s*" + _ARGUMENTS + rb")?"

# class EXPORT Name {, struct lib_API ALIGN(8) Name : Base {
_CLASS_HEAD = re.compile(
    rb"\b(?:class|struct|union|enum(?:\s+(?:class|struct))?)\s+"
    rb"((?:(?:(?!(?:class|struct|union|enum|typedef|static|extern|const|template)\b)[A-Za-z_]\w*+"
    rb"(?:\s*\([^()\n]*\))?|\[\[[^\]]*\]\])\s+)+?)"
    rb"(?!(?:final|sealed|abstract)\b)"
    rb"[A-Za-z_][\w:]*(?:\s*<[^;{}()]*>)?(?:\s+(?:final|sealed|abstract))?\s*"
    rb"(?:\{|:(?!:)[^;{}]{0,1000}\{)"
)
# A macro alone on a line, such as Q_OBJECT, DECLARE(a, b) or Object_HEAD(a).
_ALONE = re.compile(
    rb"\n[ \t]*(" + _MACRO + rb"|(?!(?:if|for|while|switch|catch|return|defined)\b)[A-Za-z_]\w*+"
    rb"[ \t]*" + _ARGUMENTS + rb")[ \t]*\r?(?=\n|\Z)"
)
_FUNCTION = re.compile(rb"\s*[A-Za-z_~][\w:~]*\s*\(")
_CONSTRUCTOR = re.compile(rb"\s*(?:[A-Za-z_]\w*\s*::\s*)*([A-Za-z_]\w*)\s*::\s*~?\1\s*\(")
# API Name(int a), where Name is a class: a constructor has no type before it.
_BEFORE_CONSTRUCTOR = re.compile(
    rb"([A-Z](?<!\w.)[A-Z0-9_]*+(?!\w)(?:\s*" + _ARGUMENTS + rb")?)\s+(?=~?[A-Za-z_]\w*+\s*\()"
)
_CLASS_NAME = re.compile(rb"(?:class|struct)\s+([A-Za-z_]\w*)")
_NAME_BEHIND = re.compile(rb"\s+~?(\w+)")
_REST_OF_A_HEAD = re.compile(rb"\s*(?:noexcept|const|override|final|try|requires)\b")
# DEFINE(type, name, "text"); at the start of a line outside of a body.
_STATEMENT = re.compile(
    rb"\n("
    + _CAPITALS
    + rb"\s*\((?:[^()\"{}]|\"(?:[^\"\\\n]|\\.)*\"|"
    + _ARGUMENTS
    + rb")*+\))\s*;",
    re.MULTILINE,
)
# f(int *not_null a, int b UNUSED): attributes of parameters.
_QUALIFIER = re.compile(
    rb"[*&][ \t]*((?!(?:const|volatile|restrict|operator|new|delete|sizeof)\b)[A-Za-z_]\w*+)"
    rb"\s+(?=[A-Za-z_]\w*+\s*[,)\[=;])"
)
_ATTRIBUTE = re.compile(rb"[ \t](?<=[\w*&>][ \t])(?=[A-Z_])(" + _MACRO + rb"|__\w+__)(?=\s*[,)])")
# f(int a) FORMAT(1, 2); and f() const NOEXCEPT {
_BEHIND = re.compile(
    rb"\)(?:\s*\b(?:const|volatile|noexcept|override|final)\b)*"
    rb"((?:\s*\b" + _MACRO + rb")+)(?=\s*(?:[;{=]|:(?!:)|->))"
)
_HEAD = re.compile(rb"\s*(?:template\s*<[^;{}]*>)?[A-Za-z_~][^;{}()=]*\(")
_COMMENT = re.compile(rb"//[^\n]*|/\*.*?\*/", re.DOTALL)
_CAPITAL_WORD = re.compile(_CAPITALS)
_NO_CODE = re.compile(
    rb"//[^\n]*|/\*.*?\*/|^[ \t]*#[^\n]*|\b(?:public|protected|private)\s*:",
    re.DOTALL | re.MULTILINE,
)
_NO_HEAD = re.compile(rb"\s*(?:if|for|while|switch|return|else|case|do|goto|throw|sizeof)\b")
# API type name(, API static type *name(: a macro in front of a type.
_NAME = rb"(?:\(\s*\*?\s*)?[A-Za-z_~][\w:~]*+\s*+\)?\s*+\("
_BEFORE = re.compile(
    rb"\n[ \t]*(?:(?:static|extern|inline|virtual|constexpr|friend|explicit)\s+)*"
    rb"((?:" + _MACRO + rb"\s+)+)(?!(?:const|volatile)\s+[\w:]+\s*\()"
    rb"(?=(?:[A-Za-z_][\w:]*+(?:<[^;{}()]*>)?[\s*&]+){1,8}" + _NAME + rb")",
    re.MULTILINE,
)
# API(type) name(, OLD(3) API(type) name(: the type stays.
_AROUND = re.compile(
    rb"\n[ \t]*(?:(\w+\([\w.]*\))[ \t]+)?(?:(?:static|extern|inline)\s+)*"
    rb"(\w*[A-Z]\w*[ \t]*\()[A-Za-z_][\w\s*:<>,]*+(\))(?=[ \t]*" + _NAME + rb")"
)
_AROUND_LINES = re.compile(
    rb"\n(?:(\w+\([\w.]*\))\s+)?(\w*(?:API|FUNC|EXPORT|EXTERN|PUBLIC|LOCAL|DECL)\w*[ \t]*\()"
    rb"[A-Za-z_][\w\s*:<>,]*+(\))(?=\s*" + _NAME + rb")"
)
# type name GUARDED_BY(lock);: an attribute of a variable.
_VARIABLE = re.compile(
    rb"[ \t\n](?<=\w[ \t\n])(" + _CAPITALS + rb"\s*" + _ARGUMENTS + rb")(?=\s*[;={])"
)
_BEFORE_VARIABLE = re.compile(
    rb"(?:[*&>]|\b(?!(?:static|extern|inline|const|unsigned|signed|struct|enum|union|class|virtual"
    rb"|volatile|constexpr|friend|return|else|typedef|typename|mutable)\b)\w+)\s+"
    rb"(?!(?:static|extern|inline|const|unsigned|return|int|char|void|bool|long|short|float|double)\b)"
    rb"[a-z]\w*\s+\Z"
)
# type CALL name(, type *FORMAT(3) name(: a macro between a type and a name.
_BETWEEN = re.compile(rb"\b(" + _MACRO + rb")\s+(?=[A-Za-z_~][\w:~]*+\s*\()")
_BEFORE_BETWEEN = re.compile(rb"(\w+|[*&>])\s*\Z")
_NO_TYPES = frozenset(
    b"static extern inline const struct class enum union typedef virtual return else constexpr"
    b" volatile friend explicit typename register case goto new delete operator define if elif"
    b" ifdef ifndef undef defined and or not using public private protected throw template do"
    b" include error warning pragma".split()
)
# name OF((int a)): prototypes for compilers without them.
_PROTOTYPE = re.compile(
    rb"\b((?:OF|PROTO|PARAMS|P|__P|_)\s*\()\((?:[^()]|\([^()]*\))*\)(\))(?=\s*[;{])"
)
# The grammar ends a macro's body at a comment and parses the rest as code.
_DEFINITION = re.compile(rb"\n[ \t]*#[ \t]*define\b(?:\\\r?\n|[^\n])*+")
_COMMENT_INSIDE = re.compile(rb"/\*.*?\*/", re.DOTALL)
# Everything but line ends and line continuations.
_BLANKED = re.compile(rb"(?!\\\r?\n)[^\r\n]")
_GAP = rb"(?:\s|/\*(?:[^*]|\*(?!/))*+\*/|//[^\n]*+\n)*+"
# name(a, b) int a; char *b; {: parameter types after the names.
_OLD_PARAMETERS = re.compile(
    rb"\((?<=[\w \t\n]\()\s*+[A-Za-z_]\w*+(?:\s*,\s*(?:[A-Za-z_]\w*+|\.\.\.))*+\s*+\)"
    rb"((?:" + _GAP + rb"(?!return\b|goto\b)[A-Za-z_][^;{}#=]{0,300}+;){1,40}+)" + _GAP + rb"\{"
)
_NAME_BEFORE = re.compile(rb"[A-Za-z_]\w*+\s*+\Z")


def mask_macros(language: str, source: bytes) -> bytes:
    """Returns the source to parse. Only C and C++ are changed."""
    if language not in {"C", "C++"}:
        return source
    # so that every line follows a line feed
    text = bytearray(_DEFINITION.sub(_without_comments, b"\n" + source))
    if language == "C":
        _blank(text, _OLD_PARAMETERS, _is_behind_a_name)
        if b"((" in source:
            _blank(text, _PROTOTYPE)
    _blank(text, _CLASS_HEAD)
    if language == "C++":
        classes = set(_CLASS_NAME.findall(text))
        if classes:
            _blank(text, _BEFORE_CONSTRUCTOR, lambda _, found: _name_behind(text, found) in classes)
    for pattern, is_sure in (
        (_STATEMENT, None),
        (_AROUND_LINES, None),
        (_ALONE, _has_a_line_to_itself),
        (_QUALIFIER, None),
        (_VARIABLE, _is_behind_a_variable),
        (_ATTRIBUTE, _is_behind_a_type),
        (_BEHIND, _is_behind_a_head),
        (_BEFORE, None),
        (_AROUND, None),
        (_BETWEEN, _is_behind_a_type),
    ):
        _blank(text, pattern, is_sure)
    return bytes(text[1:])


def _without_comments(definition: re.Match[bytes]) -> bytes:
    return _COMMENT_INSIDE.sub(lambda found: _BLANKED.sub(b" ", found[0]), definition[0])


def _blank(text: bytearray, pattern: re.Pattern[bytes], is_sure: _IsSure | None = None) -> None:
    """Replaces what the groups of a pattern match with spaces."""
    for found in list(pattern.finditer(bytes(text))):
        if is_sure is None or is_sure(text, found):
            for group in range(1, pattern.groups + 1):
                start, end = found.span(group) if found[group] else (0, 0)
                text[start:end] = _BLANKED.sub(b" ", text[start:end])


def _has_a_line_to_itself(text: bytearray, found: re.Match[bytes]) -> bool:
    """Whether it is between two statements, or between a type and a name."""
    before = _COMMENT.sub(b"", text[max(0, found.start(1) - 300) : found.start(1)]).rstrip()
    after = bytes(text[found.end(1) : found.end(1) + 300]).lstrip()
    line = before[before.rfind(b"\n") + 1 :].lstrip()
    is_called = found[1].endswith(b")")
    if line.startswith(b"#"):
        is_first = not line.endswith(b"\\")
    else:
        is_first = not before or before[-1:] in b";{}:"
    if not _CAPITAL_WORD.match(found[1]):
        return (
            is_first and (after[:1] == b"}" or _is_word(after)) and not _REST_OF_A_HEAD.match(after)
        )
    if is_first:
        return is_called or not _FUNCTION.match(after) or _CONSTRUCTOR.match(after) is not None
    if before[-1:] == b")":
        return after[:1] in {b"{", b";", b":"} or _is_word(after)
    return _is_word(after) and (before[-1:] in b"*&>" or _is_word(before[-1:]))


def _is_behind_a_head(text: bytearray, found: re.Match[bytes]) -> bool:
    """Whether the parenthesis before it belongs to a function's head."""
    before = bytes(text[max(0, found.start() - 500) : found.start() + 1])
    head = before[max(before.rfind(mark) for mark in (b";", b"{", b"}")) + 1 :]
    head = _NO_CODE.sub(b" ", head)
    return _HEAD.match(head) is not None and not _NO_HEAD.match(head)


def _is_behind_a_name(text: bytearray, found: re.Match[bytes]) -> bool:
    return _NAME_BEFORE.search(text[max(0, found.start() - 300) : found.start()]) is not None


def _is_behind_a_type(text: bytearray, found: re.Match[bytes]) -> bool:
    before = _BEFORE_BETWEEN.search(text[max(0, found.start(1) - 80) : found.start(1)])
    return before is not None and before[1] not in _NO_TYPES


def _is_behind_a_variable(text: bytearray, found: re.Match[bytes]) -> bool:
    return _BEFORE_VARIABLE.search(text[max(0, found.start(1) - 120) : found.start(1)]) is not None


def _name_behind(text: bytearray, found: re.Match[bytes]) -> bytes:
    name = _NAME_BEHIND.match(text, found.end(1))
    return name[1] if name else b""


def _is_word(text: bytes) -> bool:
    """Whether it starts with a letter, a digit or an underscore."""
    return text[:1].isalnum() or text[:1] == b"_"
