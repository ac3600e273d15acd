"""The language of KPIs: one line of arithmetic over aggregates of columns, read into a small tree that is never run as code.

For one number per window:  ``count()`` rows, ``count(x)`` values that are not missing, ``count(condition)`` and
``share(condition)`` rows for which it holds, ``mean(x)``, ``sum(x)``, ``min(x)``, ``max(x)``, ``median(x)``, ``quantile(x, 0.9)``,
put together with + - * / and parentheses. Within the parentheses of an aggregate: columns by name (``column("flight no")`` where the
name is no plain word), numbers, texts in quotes, + - * /, ``abs(x)``, comparisons, ``in``, ``and``, ``or``, ``not``, ``missing(x)``.

:func:`parse` reads the text, :func:`check` says whether it fits the columns of a monitor. What a tree means on rows is defined in
:mod:`driftgate.measure.kpis`.
"""

from __future__ import annotations

import ast
import difflib
import math
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

LONGEST = 500
_ARITY = {
    "count": (0, 1), "share": (1, 1), "mean": (1, 1), "sum": (1, 1), "min": (1, 1), "max": (1, 1), "median": (1, 1), "quantile": (2, 2),
    "abs": (1, 1), "missing": (1, 1), "column": (1, 1),
}  # fmt: skip
AGGREGATES = frozenset({"count", "share", "mean", "sum", "min", "max", "median", "quantile"})
ARITHMETIC = frozenset({"+", "-", "*", "/"})
COMPARISONS = frozenset({"==", "!=", "<", "<=", ">", ">="})
_OPERATORS: Mapping[type[ast.AST], str] = {
    ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.And: "and", ast.Or: "or",
    ast.Eq: "==", ast.NotEq: "!=", ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=", ast.In: "in", ast.NotIn: "not in",
}  # fmt: skip


class Kind(StrEnum):
    """What a part of an expression stands for."""

    NUMBER = "one number"
    NUMBERS = "a number per row"
    TEXT = "a text"
    TEXTS = "a text per row"
    TIMES = "a moment per row"
    CONDITION = "a condition per row"


@dataclass(frozen=True)
class Constant:
    """A number or a text."""

    value: float | str
    source: str = field(default="", compare=False)


@dataclass(frozen=True)
class Column:
    """The values of a column."""

    name: str
    source: str = field(default="", compare=False)


@dataclass(frozen=True)
class Apply:
    """A function or an operator with what it is applied to; ``in`` has the value first, then the constants."""

    function: str
    arguments: tuple[Node, ...]
    source: str = field(default="", compare=False)
    """The part of the expression, for messages."""


Node = Constant | Column | Apply


# --- reading ----------------------------------------------------------------------------------------------------------


def parse(text: str) -> Node:
    """Read an expression.

    Raises
    ------
    ValueError
        If it is not in the language; says which part and what to write instead.
    """
    if len(text) > LONGEST:
        raise ValueError(f"has {len(text)} characters; at most {LONGEST} are allowed, split it into several KPIs")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SyntaxWarning)
            tree = ast.parse(" ".join(text.strip().splitlines()), mode="eval")
        return _read(tree.body)
    except (SyntaxError, RecursionError, MemoryError) as error:
        reason = getattr(error, "msg", "") or "too deeply nested"
        raise ValueError(f"{text!r} cannot be read ({reason}); write for example mean(x) or share(x > 15 and y == 'a')") from error


def _read(node: ast.expr) -> Node:
    reader = _READERS.get(type(node))
    if reader is None:
        raise ValueError(
            f"{_source(node)!r} is not allowed in a KPI; allowed are columns, constants, + - * /, comparisons, and, or, not, in, "
            f"and the functions {', '.join(sorted(_ARITY))}"
        )
    return reader(node)


def _read_constant(node: ast.Constant) -> Node:
    value, source = node.value, _source(node)
    if isinstance(value, str):
        return Constant(value, source)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ValueError(f"{source} is neither a number nor a text in quotes; class labels and categories are texts, for example '1'")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise ValueError(f"{source[:20]} is too large a number")
    return Constant(number, source)


def _read_name(node: ast.Name) -> Node:
    return Column(node.id, node.id)


def _read_arithmetic(node: ast.BinOp) -> Node:
    return Apply(_operator(node, node.op), (_read(node.left), _read(node.right)), _source(node))


def _read_unary(node: ast.UnaryOp) -> Node:
    operand = _read(node.operand)
    if isinstance(node.op, ast.Not):
        return Apply("not", (operand,), _source(node))
    if isinstance(node.op, ast.Invert):
        raise ValueError(f"{_source(node)!r}: ~ is not allowed; write not")
    if isinstance(operand, Constant) and not isinstance(operand.value, str):
        return Constant(-operand.value if isinstance(node.op, ast.USub) else operand.value, _source(node))
    return Apply("-", (Constant(0.0, "0"), operand), _source(node)) if isinstance(node.op, ast.USub) else operand


def _read_logic(node: ast.BoolOp) -> Node:
    return Apply(_operator(node, node.op), tuple(_read(value) for value in node.values), _source(node))


def _read_comparison(node: ast.Compare) -> Node:
    """Read a comparison; ``a < b < c`` means ``a < b and b < c``."""
    parts, left = [], node.left
    for operator, right in zip(node.ops, node.comparators, strict=True):
        symbol = _operator(node, operator)
        parts.append(_read_membership(node, symbol, left, right) if symbol.endswith("in") else _compare(node, symbol, left, right))
        left = right
    return parts[0] if len(parts) == 1 else Apply("and", tuple(parts), _source(node))


def _compare(node: ast.Compare, symbol: str, left: ast.expr, right: ast.expr) -> Node:
    return Apply(symbol, (_read(left), _read(right)), _source(node))


def _read_membership(node: ast.Compare, symbol: str, left: ast.expr, right: ast.expr) -> Node:
    values = [_read(item) for item in right.elts] if isinstance(right, (ast.List, ast.Tuple, ast.Set)) else []
    if not values or not all(isinstance(value, Constant) for value in values):
        raise ValueError(f"{_source(node)!r}: after {symbol} comes a list of constants, for example x {symbol} ['a', 'b']")
    found = Apply("in", (_read(left), *values), _source(node))
    return found if symbol == "in" else Apply("not", (found,), _source(node))


def _read_call(node: ast.Call) -> Node:
    name = node.func.id if isinstance(node.func, ast.Name) else _source(node.func)
    if name not in _ARITY:
        close = difflib.get_close_matches(name, _ARITY, n=1)
        hint = f"did you mean {close[0]!r}? " if close else ""
        raise ValueError(f"{_source(node)!r}: there is no function {name!r}; {hint}functions: {', '.join(sorted(_ARITY))}")
    least, most = _ARITY[name]
    if node.keywords or not least <= len(node.args) <= most:
        wanted = f"{least}" if least == most else f"{least} or {most}"
        raise ValueError(f"{_source(node)!r}: {name} takes {wanted} argument{'s' if most > 1 else ''}, without keywords")
    arguments = tuple(_read(argument) for argument in node.args)
    return _column(node, arguments[0]) if name == "column" else Apply(name, arguments, _source(node))


def _column(node: ast.Call, argument: Node) -> Node:
    if not isinstance(argument, Constant) or not isinstance(argument.value, str):
        raise ValueError(f"{_source(node)!r}: column takes a name in quotes, for example column('flight no')")
    return Column(argument.value, _source(node))


def _operator(node: ast.AST, operator: ast.AST) -> str:
    symbol = _OPERATORS.get(type(operator))
    if symbol is None:
        raise ValueError(f"{_source(node)!r}: this operator is not allowed; allowed are + - * / == != < <= > >= in, not in, and, or, not")
    return symbol


def _source(node: ast.AST) -> str:
    return ast.unparse(node)


_READERS: Mapping[type[ast.expr], Callable[..., Node]] = {
    ast.Constant: _read_constant,
    ast.Name: _read_name,
    ast.BinOp: _read_arithmetic,
    ast.UnaryOp: _read_unary,
    ast.BoolOp: _read_logic,
    ast.Compare: _read_comparison,
    ast.Call: _read_call,
}


# --- checking ---------------------------------------------------------------------------------------------------------


def check(node: Node, kinds: Mapping[str, Kind]) -> None:
    """Check that an expression gives one number per window and fits the columns.

    Parameters
    ----------
    kinds
        Every column that may be used, and what its values are.

    Raises
    ------
    ValueError
        If a column is unknown, or a part is of the wrong kind; says which and what to write instead.
    """
    kind = _kind(node, kinds)
    if kind is not Kind.NUMBER or not _has_aggregate(node):
        remedy = "put it into share() or count()" if kind is Kind.CONDITION else "put it into mean(), sum() or another aggregate"
        raise ValueError(f"{node.source!r} is {kind.value}, not a number that is made from the rows of a window; {remedy}")


def _has_aggregate(node: Node) -> bool:
    return isinstance(node, Apply) and (node.function in AGGREGATES or any(_has_aggregate(part) for part in node.arguments))


def _kind(node: Node, kinds: Mapping[str, Kind]) -> Kind:
    if isinstance(node, Constant):
        return Kind.TEXT if isinstance(node.value, str) else Kind.NUMBER
    if isinstance(node, Column):
        return _kind_of_column(node, kinds)
    found = [_kind(argument, kinds) for argument in node.arguments]
    if node.function in ARITHMETIC or node.function == "abs":
        return _kind_of_arithmetic(node, found)
    if node.function in COMPARISONS or node.function == "in":
        return _kind_of_comparison(node, found)
    if node.function in ("and", "or", "not"):
        _require(node, found, {Kind.CONDITION}, "conditions, for example x > 15")
        return Kind.CONDITION
    if node.function == "missing":
        _require(node, found, {Kind.NUMBERS, Kind.TEXTS, Kind.TIMES}, "a column")
        return Kind.CONDITION
    return _kind_of_aggregate(node, found)


def _kind_of_column(node: Column, kinds: Mapping[str, Kind]) -> Kind:
    if node.name in kinds:
        return kinds[node.name]
    close = difflib.get_close_matches(node.name, kinds, n=1)
    hint = f"did you mean {close[0]!r}? " if close else ""
    raise ValueError(f"{node.name!r} has no role under columns; {hint}columns: {', '.join(kinds)}")


def _kind_of_arithmetic(node: Apply, found: list[Kind]) -> Kind:
    _require(node, found, {Kind.NUMBER, Kind.NUMBERS}, "numbers")
    return Kind.NUMBERS if Kind.NUMBERS in found else Kind.NUMBER


def _kind_of_comparison(node: Apply, found: list[Kind]) -> Kind:
    are_numbers = [kind in (Kind.NUMBER, Kind.NUMBERS) for kind in found]
    are_texts = [kind in (Kind.TEXT, Kind.TEXTS) for kind in found]
    if any(are_numbers) and any(are_texts):
        raise ValueError(
            f"{node.source!r} compares a number with a text; texts (ids, categories, class labels) are compared with constants in quotes, "
            "numbers with constants without"
        )
    if not all(are_numbers) and not all(are_texts):
        raise ValueError(f"{node.source!r} compares {' with '.join(kind.value for kind in found)}; compare columns, numbers and texts")
    if all(are_texts) and node.function not in ("==", "!=", "in"):
        raise ValueError(f"{node.source!r}: texts have no order; use ==, != or in")
    if not {Kind.NUMBERS, Kind.TEXTS} & set(found):
        raise ValueError(f"{node.source!r} compares nothing that differs from row to row; a column must take part")
    return Kind.CONDITION


def _kind_of_aggregate(node: Apply, found: list[Kind]) -> Kind:
    if node.function == "count":
        _require(node, found, {Kind.NUMBERS, Kind.TEXTS, Kind.TIMES, Kind.CONDITION}, "a column or a condition")
    elif node.function == "share":
        _require(node, found, {Kind.CONDITION}, "a condition, for example share(x > 15)")
    else:
        remedy = "; write count() or share() for conditions" if Kind.CONDITION in found else ""
        _require(node, found[:1], {Kind.NUMBERS}, f"a number per row{remedy}")
    if node.function == "quantile":
        level = node.arguments[1]
        if not isinstance(level, Constant) or isinstance(level.value, str) or not 0 <= level.value <= 1:
            raise ValueError(f"{node.source!r}: the second argument is a number from 0 to 1, for example quantile(x, 0.9)")
    return Kind.NUMBER


def _require(node: Apply, found: list[Kind], allowed: set[Kind], wanted: str) -> None:
    wrong = [kind for kind in found if kind not in allowed]
    if wrong:
        raise ValueError(f"{node.source!r}: {node.function} needs {wanted}, not {wrong[0].value}")


# --- questions about a tree -------------------------------------------------------------------------------------------


def columns_in(node: Node) -> Iterator[str]:
    """Yield the names of the columns that take part."""
    if isinstance(node, Column):
        yield node.name
    elif isinstance(node, Apply):
        for argument in node.arguments:
            yield from columns_in(argument)


def is_free_of_size(node: Node) -> bool:
    """Whether the value does not grow with the number of rows, so that windows of any size can be compared.

    A sum or a count grows, a ratio of two does not.
    """
    return _degree(node) == 0


def _degree(node: Node) -> int | None:
    """Return the power of the number of rows with which a value grows; None when it is not a power."""
    if not isinstance(node, Apply):
        return 0
    degrees = [_degree(argument) for argument in node.arguments]
    if None in degrees:
        return None
    known = [degree for degree in degrees if degree is not None]
    if node.function in ("sum", "count"):
        return 1 + sum(known)
    if node.function == "*":
        return sum(known)
    if node.function == "/":
        return known[0] - known[1]
    if node.function in ARITHMETIC:
        return _common(node, known)
    return known[0] if len(set(known)) == 1 else None


def _common(node: Apply, degrees: list[int]) -> int | None:
    """Return the degree of a sum or difference; zero (of a sign) has any."""
    counted = [degree for part, degree in zip(node.arguments, degrees, strict=True) if part != Constant(0.0)]
    return counted[0] if len(set(counted)) == 1 else None
