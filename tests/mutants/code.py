"""Mutants of the code that ``mutmut`` does not make: ``python -m tests.mutants.code FILE [NAME ...]``.

``mutmut`` changes the bodies of functions. It leaves alone what stands outside of them (the tables of
the law: which claims are firm, what age is assumed), what is decorated (properties, what is
remembered) and the single parts of a condition. Here each is changed in turn: a comparison, a number,
a word of a table, an entry dropped, one part of an ``and`` left out, ``any`` for ``all``. The tests of
the file run on it in a process of its own and stop at the first failure; what survives is printed.
Tests of your own choice follow after ``--``. *NAME* restricts the run to functions, classes or
constants of these names; ``-`` is whatever is
outside of functions or decorated.
"""

from __future__ import annotations

import ast
import copy
import os
import signal
import sys
from importlib.machinery import SourceFileLoader
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import cryptography.hazmat.primitives.ciphers.aead
import hypothesis.stateful
import msgspec
import pytest
import rfc8785

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

WARM = (cryptography, hypothesis, msgspec, rfc8785)
"""Imported once: a mutant's process begins with them."""
LAW = [f"tests/regimes/test_{name}.py" for name in ("loader", "tables", "conditions", "details", "facts")]
DECISION = [
    f"tests/policy/test_decide_{name}.py"
    for name in ("single_facts", "stops", "bases", "fields", "regimes", "answer")
]
TESTS = {
    "regimes": [*LAW, "tests/regimes"],
    "policy": [*DECISION, "tests/policy/test_laws.py", "tests/policy/test_decide_reference.py"],
}
"""Per folder its tests, the quick ones first."""
SECONDS = 120
"""A mutant whose tests take longer is stuck in a loop, and is killed."""
SWAPS: dict[type[ast.AST], type[ast.AST]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.And: ast.Or,
    ast.Or: ast.And,
}
SILENT = (ast.Import, ast.ImportFrom, ast.Raise)
"""Statements that are left alone: what is imported, and the words of errors."""
NAMES = {"any": "all", "all": "any", "min": "max", "max": "min"}


class Mutant(NamedTuple):
    """A changed module: where, what became of what, and the whole of it."""

    where: str
    what: str
    tree: ast.Module


def mutants(source: str, names: Sequence[str] = ()) -> Iterator[Mutant]:
    """Yield the mutants of *source*, or of those parts of it that *names* tell."""
    tree = ast.parse(source)
    for owner, node in _nodes(tree, "", outside=True):
        if (
            names
            and owner.rpartition(".")[2].removesuffix("-") not in names
            and not ("-" in names and (owner.endswith("-") or not owner))
        ):
            continue
        for field, other in _others(node):
            old = getattr(node, field)
            before = ast.unparse(node)
            setattr(node, field, other)
            after = ast.unparse(node)
            if before != after:
                where = f"{getattr(node, 'lineno', 0)} {owner}"
                yield Mutant(where, f"{before} -> {after}", copy.deepcopy(tree))
            setattr(node, field, old)


def _nodes(node: ast.AST, owner: str, *, outside: bool) -> Iterator[tuple[str, ast.AST]]:
    """Yield what can be changed below *node*, and its owner; ``-`` marks what mutmut spares."""
    for child in _parts(node):
        inner, free = owner, outside
        if isinstance(child, ast.FunctionDef):
            free = bool(child.decorator_list)
            inner = f"{owner.removesuffix('-')}.{child.name}{'-' if free else ''}".lstrip(".")
        elif isinstance(child, ast.ClassDef):
            inner = f"{child.name}-"
        elif outside and isinstance(child, ast.Assign | ast.AnnAssign):
            target = child.targets[0] if isinstance(child, ast.Assign) else child.target
            inner = f"{owner.removesuffix('-')}.{ast.unparse(target)}-".lstrip(".")
        yield inner, child
        yield from _nodes(child, inner, outside=free)


def _parts(node: ast.AST) -> Iterator[ast.AST]:
    """Yield the children of *node* that run: no annotation, docstring, decorator or import."""
    for field, value in ast.iter_fields(node):
        if field in {"annotation", "returns", "decorator_list", "bases", "keywords_of_class"}:
            continue
        for child in value if isinstance(value, list) else [value]:
            if not isinstance(child, ast.AST) or isinstance(child, SILENT):
                continue
            if isinstance(child, ast.Expr) and isinstance(child.value, ast.Constant):
                continue
            if isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING":
                continue
            yield child


def _others(node: ast.AST) -> Iterator[tuple[str, object]]:
    """Yield (attribute, other value) for each slip that is possible in *node* itself."""
    if isinstance(node, ast.BinOp) and type(node.op) in SWAPS:
        yield "op", SWAPS[type(node.op)]()
    elif isinstance(node, ast.Constant):
        yield from (("value", other) for other in _constants(node.value))
    elif isinstance(node, ast.Name) and node.id in NAMES:
        yield "id", NAMES[node.id]
    elif isinstance(node, ast.Return) and node.value is not None:
        yield "value", ast.Constant(None)
    elif isinstance(node, ast.Tuple | ast.List | ast.Set) and len(node.elts) > 1:
        if isinstance(getattr(node, "ctx", ast.Load()), ast.Load):
            yield from (("elts", _without(node.elts, place)) for place in range(len(node.elts)))
    else:
        yield from _logic(node)


def _logic(node: ast.AST) -> Iterator[tuple[str, object]]:
    """Yield the same for what compares or joins conditions."""
    if isinstance(node, ast.Compare):
        for place, operator in enumerate(node.ops):
            if type(operator) in SWAPS:
                other = SWAPS[type(operator)]()
                yield "ops", [*node.ops[:place], other, *node.ops[place + 1 :]]
    elif isinstance(node, ast.BoolOp):
        yield "op", SWAPS[type(node.op)]()
        yield from (("values", _without(node.values, place)) for place in range(len(node.values)))
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        yield "operand", ast.UnaryOp(ast.Not(), node.operand)
    elif isinstance(node, ast.If | ast.IfExp):
        yield "test", ast.UnaryOp(ast.Not(), node.test)


def _without(values: list[ast.expr], place: int) -> list[ast.expr]:
    return [*values[:place], *values[place + 1 :]]


def _constants(value: object) -> Iterator[object]:
    if isinstance(value, bool):
        yield not value
    elif isinstance(value, int):
        yield from (value + 1, value - 1)
    elif isinstance(value, str):
        yield f"{value}x"


def killed(path: Path, mutant: Mutant, tests: Sequence[str]) -> bool:
    """Say whether a test fails on *mutant* in the place of the module at *path*."""
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) != 0
    code = 2
    try:
        signal.alarm(SECONDS)
        devnull = os.open(os.devnull, os.O_WRONLY)
        os.dup2(devnull, 1)
        os.dup2(devnull, 2)
        whole = compile(ast.fix_missing_locations(mutant.tree), str(path), "exec")
        original = SourceFileLoader.get_code

        def get_code(self: SourceFileLoader, name: str) -> object:
            return whole if Path(self.path) == path else original(self, name)

        SourceFileLoader.get_code = get_code  # type: ignore[method-assign]
        words = ["-x", "-q", "--assert=plain", "-p", "no:cacheprovider", "-p", "no:xdist"]
        chosen = ["-m", "not hypothesis", "-k", "not fresh and not [3] and not reach_everything"]
        code = int(pytest.main([*words, *chosen, *tests]))
    finally:
        os._exit(code)


def main(words: Sequence[str]) -> int:
    """Print what survives in a file; return 0."""
    mine, _, tests = " ".join(words).partition(" -- ")
    name, *names = mine.split()
    path = Path(name).resolve()
    chosen = tests.split() or TESTS[path.parent.name]
    os.environ.setdefault("CLM_POLICIES", "2")
    source = path.read_text("utf-8")
    if killed(path, Mutant("", "nothing changed", ast.parse(source)), chosen):
        raise RuntimeError("the tests fail without a mutant")
    tried = alive = 0
    for mutant in mutants(source, names):
        tried += 1
        if not killed(path, mutant, chosen):
            alive += 1
            print(f"{name}:{mutant.where}: {mutant.what}", flush=True)  # noqa: T201
    print(f"{name}: {tried} mutants, {alive} survive", flush=True)  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
