"""Fine schedules: a turn before any statement of the engine, not only where it waits or stores.

Python may switch threads between any two statements. To have the scheduler do so, the engine's
modules are compiled from their own source with a call before each statement; nothing else about
them changes. Installed before the engine is imported, in a process of its own.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterable, Iterator, Sequence
from importlib import import_module
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from importlib.util import find_spec
from pathlib import Path
from pkgutil import walk_packages
from types import CodeType, ModuleType

from tests.model import primitives

PACKAGE = "cachedesk."
ROOMS = ("core", "stores", "engine", "observe", "chaos", "stack")
"""The packages of which a running stack is made."""

MODULES = frozenset(
    {
        "core.request",
        "core.wakeup",
        "engine.cache_layer",
        "engine.call_gate",
        "engine.dead_letter_admin",
        "engine.flush_worker",
        "engine.local_flusher",
        "engine.group_commit",
        "engine.key_locks",
        "engine.key_versions",
        "engine.backlog.pending_events",
        "engine.poison.blocked_keys",
        "engine.poison.decisions",
        "engine.poison.isolation",
        "engine.leased_cache",
        "engine.lifecycle",
        "engine.overlay",
        "engine.purger",
        "engine.read_path",
        "engine.write_behind",
        "engine.write_through",
        "engine.writer",
        "stores.queue_log.queue_log",
        "engine.backlog.backlog",
        "engine.backlog.unacked",
        "stores.redis.late_writes",
        "stores.redis.redis_cache",
        "stores.redis.supervisor",
        "stores.redis.trusted_server",
        "stores.redis.verification",
    }
)
"""Where threads meet. (Not where a real lock is held: the event ring, the metrics.)"""

LEFT_OUT = frozenset(
    {
        "chaos.ablations.no_log",
        "chaos.injector",
        "chaos.safeguard_switches",
        "core.failpoints",
        "engine.call_thread",
        "engine.face.flights",
        "engine.last_known",
        "engine.worker_controls",
        "observe.auditor",
        "observe.event_logging",
        "observe.event_ring",
        "observe.metrics",
        "observe.recent_writes",
        "stack.dropped",
        "stack.housekeeping",
        "stack.stack",
        "stores.memory.cache",
        "stores.memory.database",
        "stores.memory.log",
        "stores.memory.stores",
        "stores.queue_log.queue",
        "stores.redis.memory_limits",
        "stores.sqlite.sqlite_database",
    }
)
"""What uses ``threading`` too and gets no turns: the model replaces it, a real lock is enough
there, or it takes no part in a history."""


class _Turns(ast.NodeTransformer):
    """Puts ``if __fine__: __turn__("module:line")`` before each statement inside a function."""

    def __init__(self, module: str) -> None:
        self._module = module
        self._depth = 0

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        self._depth += 1
        self.generic_visit(node)
        self._depth -= 1
        return node

    def generic_visit(self, node: ast.AST) -> ast.AST:
        super().generic_visit(node)
        if self._depth:
            for field in ("body", "orelse", "finalbody"):
                statements = getattr(node, field, None)
                if isinstance(statements, list):
                    setattr(node, field, self._with_turns(statements))
        return node

    def _with_turns(self, statements: list[ast.stmt]) -> list[ast.stmt]:
        turned: list[ast.stmt] = []
        for statement in statements:
            if not isinstance(statement, ast.Global | ast.Nonlocal):
                place = ast.Constant(f"{self._module}:{statement.lineno}")
                call = ast.Expr(ast.Call(ast.Name("__turn__", ast.Load()), [place], []))
                turn = ast.If(ast.Name("__fine__", ast.Load()), [call], [])
                turned.append(ast.copy_location(turn, statement))
            turned.append(statement)
        return turned


class _Loader(SourceFileLoader):
    """Compiles a module with turns, past the byte code that is cached for everybody else."""

    def get_code(self, fullname: str) -> CodeType:
        tree = ast.parse(self.get_data(self.path), self.path)
        turned = _Turns(fullname.removeprefix(PACKAGE)).visit(tree)
        code: CodeType = compile(ast.fix_missing_locations(turned), self.path, "exec")
        return code

    def exec_module(self, module: ModuleType) -> None:
        vars(module)["__turn__"] = primitives.line
        vars(module)["__fine__"] = primitives.fine
        super().exec_module(module)


class _Finder(MetaPathFinder):
    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if not fullname.startswith(PACKAGE) or fullname.removeprefix(PACKAGE) not in MODULES:
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is not None and spec.origin is not None:
            spec.loader = _Loader(fullname, spec.origin)
        return spec


def install() -> None:
    """Instrument the engine when it is imported.

    Raises:
        RuntimeError: a listed module does not exist, or was imported already.
    """
    check_names(MODULES | LEFT_OUT)
    loaded = [name for name in MODULES if PACKAGE + name in sys.modules]
    if loaded:
        raise RuntimeError(f"the engine was imported before: {', '.join(loaded)}")
    sys.meta_path.insert(0, _Finder())


def check_examined() -> None:
    """Raise ``RuntimeError`` if a listed module is not imported with its turns by now."""
    bare = sorted(name for name in MODULES if not _has_turns(PACKAGE + name))
    if bare:
        raise RuntimeError(f"these modules run without turns: {', '.join(bare)}")


def _has_turns(module: str) -> bool:
    return "__turn__" in vars(sys.modules.get(module, object))


def check_names(modules: Iterable[str]) -> None:
    """Raise ``RuntimeError`` for a listed module that the engine does not have: it was renamed or
    moved, and would go unexamined while every history is said to be well."""
    missing = sorted(name for name in modules if not _exists(PACKAGE + name))
    if missing:
        raise RuntimeError(
            f"{PACKAGE}* has no module {', '.join(missing)}: tests/model lists modules by name,"
            " so list them as they are called now"
        )


def module_names() -> Iterator[str]:
    """Yield the full name of each module of a running stack."""
    for room in ROOMS:
        package = import_module(PACKAGE + room)
        yield package.__name__
        for found in walk_packages(package.__path__, f"{package.__name__}."):
            yield found.name


def _exists(module: str) -> bool:
    """Whether there is such a file. (To ask the import system would import its package.)"""
    package = find_spec(PACKAGE.rstrip("."))
    assert package is not None
    assert package.submodule_search_locations is not None
    parts = module.removeprefix(PACKAGE).split(".")
    return any(
        Path(folder, *parts).with_suffix(".py").is_file()
        for folder in package.submodule_search_locations
    )
