"""Finds names in the declarators of C and C++, at any depth."""

from __future__ import annotations

import re
from typing import NamedTuple

from tree_sitter import Node

_LAST_CHILD = frozenset({"parenthesized_declarator", "reference_declarator"})
_FIRST_CHILD = frozenset({"attributed_declarator", "init_declarator"})
_WRAPPERS = frozenset({"pointer_declarator", "array_declarator", "function_declarator"})
_TRANSPARENT = frozenset({"parenthesized_declarator", "attributed_declarator"})
_TEMPLATES = frozenset({"template_function", "template_type", "template_method"})
_CALLED = re.compile(rb"(?:[\s)]|/\*[^*]*\*/|\\\r?\n)*[(<]")
_DEPTH = 100

_TYPES = """
    bool char double float int long short signed unsigned void
    size_t ssize_t ptrdiff_t intptr_t uintptr_t nullptr_t max_align_t char8_t char16_t char32_t
    int8_t int16_t int32_t int64_t uint8_t uint16_t uint32_t uint64_t
"""
_KEYWORDS = """
    auto break case const continue default do else enum extern for goto if inline register restrict
    return sizeof static struct switch typedef typeof union volatile while defined
    _Alignas _Alignof _Atomic _Bool _Complex _Generic _Imaginary _Noreturn _Static_assert
    _Thread_local __attribute__ __declspec __asm__ __extension__ __inline __inline__ __restrict
"""
_CPLUSPLUS = """
    alignas alignof asm catch class const_cast consteval constexpr constinit co_await co_return
    co_yield decltype delete dynamic_cast explicit export false friend mutable namespace new
    noexcept nullptr operator private protected public reinterpret_cast requires static_assert
    static_cast template this thread_local throw true try typeid typename using virtual wchar_t
"""
# Reserved words cannot be names.
RESERVED = {
    "C": frozenset(f"{_TYPES} {_KEYWORDS}".split()),
    "C++": frozenset(f"{_TYPES} {_KEYWORDS} {_CPLUSPLUS}".split()),
}
CAPITALS = re.compile(r"[A-Z][A-Z0-9_]*")


class Declared(NamedTuple):
    """What a declarator declares: the nodes of its name and of its scope."""

    name: Node
    scope: Node | None
    callable: bool


def declared_name(declarator: Node, source: bytes) -> Declared | None:
    """Returns the innermost name of a declarator, or None if its syntax is too broken.

    The name is callable if a parameter list directly encloses it. A pointer to a function is not.
    """
    node, scope, is_callable = declarator, None, False
    called = None
    for _ in range(_DEPTH):
        kind = node.type
        if kind == "qualified_identifier":
            scope = node.child_by_field_name("scope") or scope
            inner = node.child_by_field_name("name")
        elif kind in _TEMPLATES:
            inner = node.child_by_field_name("name")
        elif kind in _WRAPPERS:
            inner = node.child_by_field_name("declarator")
            if kind == "function_declarator" == (inner and inner.type):
                return None  # MACRO(name)(int a)
            is_callable = kind == "function_declarator"
            called = node if is_callable else None
        elif kind in _LAST_CHILD or kind in _FIRST_CHILD:
            children = node.named_children
            inner = children[-1 if kind in _LAST_CHILD else 0] if children else None
            is_callable = is_callable and kind in _TRANSPARENT
        else:
            break
        if inner is None:
            return None
        node = inner
    if node.type == "operator_cast":
        return Declared(node, scope, callable=True)
    if called is not None and is_callable and not _CALLED.match(source, node.end_byte):
        found = _before_parameters(called, source)
        if found is None:
            return None
        node = found
    return Declared(node, scope, is_callable)


def _before_parameters(function: Node, source: bytes) -> Node | None:
    """Returns the name directly before the parameters, if the parser found an earlier one."""
    for child in function.children:
        if child.type == "ERROR" and child.named_child_count:
            last = child.named_children[-1]
            if last.type == "identifier" and _CALLED.match(source, last.end_byte):
                return last
    return None


def operator_text(operator: Node, source: bytes) -> str:
    """Returns an operator's normalized name: `operator const char*`, `operator==`."""
    end = operator.end_byte
    if operator.type == "operator_cast":
        inner = operator.child_by_field_name("declarator")
        while inner is not None and inner.type != "abstract_function_declarator":
            inner = inner.child_by_field_name("declarator") or next(
                iter(inner.named_children), None
            )
        end = inner.start_byte if inner else end
    text = " ".join(source[operator.start_byte : end].decode(errors="replace").split())
    return re.sub(r"\boperator\s+(?=[^\w\s])|\s+(?=[*&])", _closer, text)


def _closer(gap: re.Match[str]) -> str:
    return gap[0].rstrip()
