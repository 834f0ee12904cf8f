"""Counting the primitive operations of a reference solution, by instrumenting its source.

The functions `step` and `answer` of a family, and what they call in their own file, are compiled a
second time with a counter in them. One unit each, whatever the size of the integers:

- an operator, a comparison, a negation;
- reading an element by index, a step of a loop or comprehension;
- writing a name or an element, each element of a display such as `(a, b)`;
- a call of a builtin: one for each argument that is a scalar, and for a sequence as many as it has
  elements; `len` and `range` cost one; a slice as many as it has elements.

Reading a name or an attribute is free. The sum is an upper bound on the complexity of a question:
the work of one solution that is known to be right. The same pass records which side of every `if`
was taken, so that a rule which never fires is seen.
"""

import ast
import inspect
import textwrap
from collections.abc import Callable, Sequence, Sized
from types import ModuleType
from typing import Any

__all__ = ["CountedSolution", "UncountableError"]

COUNTED = ("step", "answer")
CHEAP_CALLS = frozenset({"len", "range", "enumerate", "zip", "reversed", "iter"})
ALLOWED_STATEMENTS = (
    ast.FunctionDef, ast.Assign, ast.AnnAssign, ast.AugAssign, ast.If, ast.For, ast.While,
    ast.Return, ast.Expr, ast.Break, ast.Continue, ast.Pass, ast.Assert,
)  # fmt: skip
# Methods that touch one element, however many there are.
AT_ONE_PLACE = frozenset({"append", "pop", "get"})
# After these the next statement is always reached, or the function is left for good.
PLAIN_STATEMENTS = (ast.Assign, ast.AnnAssign, ast.AugAssign, ast.Expr)
# Type → whether its values have a length, which a builtin walks through.
_SIZED: dict[type, bool] = {}
REFUSED_EXPRESSIONS = (ast.Lambda, ast.Await, ast.Yield, ast.YieldFrom, ast.NamedExpr)


class UncountableError(TypeError):
    """A reference solution uses a construct whose work is not defined here."""


class CountedSolution:
    """`step` and `answer` of a family's module, counted.

    Args:
        module: the family.
        names: the functions to count, by default `step` and `answer`; see `function`.

    Raises:
        UncountableError: a construct that cannot be counted.
    """

    def __init__(self, module: ModuleType, names: Sequence[str] = COUNTED) -> None:
        functions = _reachable(module, names)
        rewriter = _Rewriter(set(functions))
        tree = ast.Module([rewriter.visit(node) for node in functions.values()], [])
        self._branches = rewriter.branches
        # Of every branch: whether it was seen True, whether it was seen False.
        self._seen = [False] * (2 * len(self._branches))
        namespace = dict(vars(module))
        namespace.update(_work=0, _seen=self._seen, _tick=self._tick, _branch=self._branch)
        namespace.update(_call=self._call, _slice=self._slice)
        exec(compile(ast.fix_missing_locations(tree), module.__name__, "exec"), namespace)
        self._namespace = namespace
        if names is COUNTED:
            self.step: Callable[..., Any] = namespace["step"]
            self.answer: Callable[..., Any] = namespace["answer"]

    def function(self, name: str) -> Callable[..., Any]:
        """One of the counted functions."""
        counted: Callable[..., Any] = self._namespace[name]
        return counted

    def reset(self) -> None:
        """Forget work and branches."""
        self._namespace["_work"] = 0
        self._seen[:] = [False] * len(self._seen)

    @property
    def ops(self) -> int:
        """Units of work since the last `reset`."""
        work: int = self._namespace["_work"]
        return work

    def idle_branches(self) -> list[str]:
        """Sides of `if`s in `step` and its helpers not taken since the last `reset`."""
        if all(self._seen):
            return []
        return [
            f"`{text}` (line {line}) was never {side}"
            for number, (text, line) in enumerate(self._branches)
            for side in (True, False)
            if not self._seen[_place(number, side)]
        ]

    # ---- what the compiled functions call ----

    def _tick(self, units: int) -> None:
        self._namespace["_work"] += units

    def _branch(self, number: int, value: Any) -> Any:
        self._seen[_place(number, bool(value))] = True
        return value

    def _call(self, function: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
        owner: Any = getattr(function, "__self__", None)
        walked = isinstance(owner, str | list | tuple | dict | set)
        units = len(owner) if walked and function.__name__ not in AT_ONE_PLACE else 0
        for argument in (*arguments, *named.values()) if named else arguments:
            kind = type(argument)
            if (sized := _SIZED.get(kind)) is None:
                sized = _SIZED[kind] = issubclass(kind, Sized)
            units += len(argument) if sized else 1
        self._namespace["_work"] += units or 1
        return function(*arguments, **named)

    def _slice(self, part: Any) -> Any:
        self._namespace["_work"] += len(part) or 1
        return part


def _place(number: int, side: bool) -> int:
    """Where `CountedSolution._seen` keeps one side of a branch."""
    return 2 * number + (not side)


def _reachable(module: ModuleType, names: Sequence[str]) -> dict[str, ast.FunctionDef]:
    """The trees of the named functions and of those of the same file that they call."""
    source = ast.parse(textwrap.dedent(inspect.getsource(module)))
    every = {n.name: n for n in source.body if isinstance(n, ast.FunctionDef)}
    found: dict[str, ast.FunctionDef] = {}
    waiting = [name for name in names if name in every]
    while waiting:
        name = waiting.pop()
        found[name] = every[name]
        called = {n.id for n in ast.walk(every[name]) if isinstance(n, ast.Name)}
        waiting += sorted((called & set(every)) - set(found))
    return found


class _Rewriter(ast.NodeTransformer):
    """Adds a counter before each statement, and inside what is evaluated conditionally."""

    def __init__(self, counted: set[str]) -> None:
        self._counted = counted
        self.branches: list[tuple[str, int]] = []
        # Inside of what a comprehension runs over, where Python allows no `:=`.
        self._in_iterable = False

    def visit(self, node: ast.AST) -> Any:
        if isinstance(node, REFUSED_EXPRESSIONS) or (
            isinstance(node, ast.stmt) and not isinstance(node, ALLOWED_STATEMENTS)
        ):
            raise UncountableError(
                f"{type(node).__name__} (line {getattr(node, 'lineno', '?')}) has no defined work; "
                "fix: write it with if, for, while and plain expressions"
            )
        return super().visit(node)

    # ---- statements ----

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.FunctionDef:
        plain = ast.FunctionDef(**{**dict(ast.iter_fields(node)), "returns": None})
        plain.decorator_list = []
        plain.args = ast.arguments(
            [], [ast.arg(a.arg) for a in node.args.args], None, [], [], None, []
        )
        plain.body = [ast.Global(["_work"]), *self._block(node.body)]
        return plain

    def _block(self, body: list[ast.stmt], *first: ast.stmt) -> list[ast.stmt]:
        """Statements after `first`, with what each run of plain ones costs counted at its start."""
        out = list(first)
        run: list[ast.stmt] = []
        units = 0

        def close() -> None:
            nonlocal units
            out.extend([_tick_statement(units)] if units else [])
            out.extend(run)
            run.clear()
            units = 0

        for number, statement in enumerate(body):
            doc = number == 0 and isinstance(statement, ast.Expr)
            if doc and isinstance(statement.value, ast.Constant):  # type: ignore[attr-defined]
                continue
            if not isinstance(statement, ast.While):
                units += _eager_units(statement)
            run.append(self.visit(statement))
            if not isinstance(statement, PLAIN_STATEMENTS):
                close()
        close()
        return out or [ast.Pass()]

    def visit_If(self, node: ast.If) -> ast.If:
        test = self.visit(node.test)
        number = self._new_branch(node.test)
        body, orelse = (_seen_statement(number, side) for side in (True, False))
        return ast.If(test, self._block(node.body, body), self._block(node.orelse, orelse))

    def visit_For(self, node: ast.For) -> ast.For:
        body = self._block(node.body, _tick_statement(1))
        orelse = self._block(node.orelse) if node.orelse else []
        return ast.For(node.target, self.visit(node.iter), body, orelse)

    def visit_While(self, node: ast.While) -> ast.While:
        test = self._lazily(node.test)
        return ast.While(test, self._block(node.body), [])

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.stmt:
        if node.value is None:
            return ast.Pass()
        return ast.Assign([node.target], self.visit(node.value))

    # ---- expressions whose parts may not be evaluated, or more than once ----

    def visit_IfExp(self, node: ast.IfExp) -> ast.IfExp:
        return ast.IfExp(
            self._marked(node.test, self.visit(node.test)),
            self._lazily(node.body),
            self._lazily(node.orelse),
        )

    def visit_BoolOp(self, node: ast.BoolOp) -> ast.BoolOp:
        first, *rest = node.values
        lazy = [self._lazily(v, 1) for v in rest]
        return ast.BoolOp(node.op, [self.visit(first), *lazy])

    def _comprehension(self, node: Any, *elements: str) -> Any:
        for name in elements:
            value = getattr(node, name)
            setattr(node, name, self._lazily(value, 1))
        for generator in node.generators:
            outer, self._in_iterable = self._in_iterable, True
            generator.iter = self.visit(generator.iter)
            self._in_iterable = outer
            generator.ifs = [self._marked(test, self._lazily(test, 1)) for test in generator.ifs]
        return node

    def visit_ListComp(self, node: ast.ListComp) -> Any:
        return self._comprehension(node, "elt")

    def visit_SetComp(self, node: ast.SetComp) -> Any:
        return self._comprehension(node, "elt")

    def visit_GeneratorExp(self, node: ast.GeneratorExp) -> Any:
        return self._comprehension(node, "elt")

    def visit_DictComp(self, node: ast.DictComp) -> Any:
        return self._comprehension(node, "key", "value")

    # ---- expressions whose work depends on their operands ----

    def visit_Call(self, node: ast.Call) -> ast.Call:
        named = isinstance(node.func, ast.Name)
        if named and node.func.id in self._counted | CHEAP_CALLS:  # type: ignore[attr-defined]
            self.generic_visit(node)
            return node
        self.generic_visit(node)
        return ast.Call(ast.Name("_call", ast.Load()), [node.func, *node.args], node.keywords)

    def visit_Subscript(self, node: ast.Subscript) -> ast.expr:
        self.generic_visit(node)
        if isinstance(node.slice, ast.Slice) and isinstance(node.ctx, ast.Load):
            return ast.Call(ast.Name("_slice", ast.Load()), [node], [])
        return node

    def _marked(self, original: ast.expr, rewritten: ast.expr) -> ast.expr:
        number = ast.Constant(self._new_branch(original))
        return ast.Call(ast.Name("_branch", ast.Load()), [number, rewritten], [])

    def _new_branch(self, test: ast.expr) -> int:
        self.branches.append((ast.unparse(test), test.lineno))
        return len(self.branches) - 1

    def _lazily(self, node: ast.expr, more_units: int = 0) -> ast.expr:
        """An expression counted whenever it is evaluated: `(_work := _work + units) and …`."""
        units = more_units + _eager_units(ast.Expr(node))
        expression: ast.expr = self.visit(node)
        if not units:
            return expression
        if self._in_iterable:
            call = ast.Call(ast.Name("_tick", ast.Load()), [ast.Constant(units)], [])
            return ast.BoolOp(ast.Or(), [call, expression])
        more = ast.BinOp(ast.Name("_work", ast.Load()), ast.Add(), ast.Constant(units))
        return ast.BoolOp(
            ast.And(), [ast.NamedExpr(ast.Name("_work", ast.Store()), more), expression]
        )


def _tick_statement(units: int) -> ast.stmt:
    return ast.AugAssign(ast.Name("_work", ast.Store()), ast.Add(), ast.Constant(units))


def _seen_statement(number: int, side: bool) -> ast.stmt:
    place = ast.Subscript(
        ast.Name("_seen", ast.Load()), ast.Constant(_place(number, side)), ast.Store()
    )
    return ast.Assign([place], ast.Constant(True))


def _eager_units(statement: ast.stmt) -> int:
    """Units of what a statement evaluates once whenever it is reached."""
    if isinstance(statement, ast.If):
        return _units(statement.test)
    if isinstance(statement, ast.For):
        return _units(statement.iter)
    if isinstance(statement, ast.Assign):
        return _units(statement.value) + sum(_writes(t) for t in statement.targets)
    if isinstance(statement, ast.AnnAssign):
        return 0 if statement.value is None else _units(statement.value) + _writes(statement.target)
    if isinstance(statement, ast.AugAssign):
        reads = isinstance(statement.target, ast.Subscript)
        return _units(statement.value) + 1 + reads + _writes(statement.target)
    if isinstance(statement, ast.Return | ast.Expr):
        return 0 if statement.value is None else _units(statement.value)
    return 0


def _writes(target: ast.expr) -> int:
    if isinstance(target, ast.Tuple | ast.List):
        return sum(map(_writes, target.elts))
    if isinstance(target, ast.Subscript):
        return 1 + _units(target.slice)
    return 1


def _units(node: ast.AST) -> int:
    """Units of an expression, without what runs lazily or is counted where it runs."""
    if isinstance(node, ast.IfExp):
        return _units(node.test)
    if isinstance(node, ast.BoolOp):
        return _units(node.values[0])
    if isinstance(node, ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp):
        return _units(node.generators[0].iter)
    own = 0
    if isinstance(node, ast.BinOp | ast.UnaryOp):
        own = 1
        if isinstance(node, ast.UnaryOp) and isinstance(node.operand, ast.Constant):
            own = 0  # a negative literal
    elif isinstance(node, ast.Compare):
        own = len(node.ops)
    elif isinstance(node, ast.Subscript):
        own = 0 if isinstance(node.slice, ast.Slice) else 1
    elif isinstance(node, ast.Tuple | ast.List | ast.Set) and isinstance(
        getattr(node, "ctx", ast.Load()), ast.Load
    ):
        own = len(node.elts)
    elif isinstance(node, ast.Call):
        own = isinstance(node.func, ast.Name) and node.func.id in CHEAP_CALLS
    return own + sum(map(_units, ast.iter_child_nodes(node)))
