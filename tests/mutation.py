"""Mutation tests: change the code in one place, run the tests that reach it, and see whether one of them fails.

    nox -s mutation -- [--sample 400] [--seed 0] [PATTERN ...]

Without a pattern it takes mutants of `archinspect/ops` and `archinspect/analyses`; a pattern is one of functions,
`archinspect.ops.pool*`. It prints what every survivor changed (kill it by a test, or know why it does no harm), and the
share that tests find, by file. A file's mutants are mutmut's, and so is the configuration: which code, which tests.

mutmut's own run is not used: it imports and collects the tests anew for each mutant, which takes longer than all else.
Here they are collected once. Each mutant is a fork of that process, in which one function gets other code; the tests
that reach the changed statement run in it until one fails, or for SECONDS. What runs only while modules are imported
has no test here; nor is a function that another has made then changed where that takes a variable of the other away.

A change of `strict=` in a `zip` is no mutant: it guards against mistakes of ours that no input can make.
"""

from __future__ import annotations

import argparse
import ast
import builtins
import difflib
import functools
import gc
import importlib
import json
import multiprocessing
import os
import random
import re
import resource
import signal
import sys
import tempfile
import time
from collections import Counter, defaultdict
from dataclasses import dataclass
from fnmatch import fnmatch
from multiprocessing.connection import wait
from pathlib import Path
from types import CodeType, FunctionType
from typing import TYPE_CHECKING, TypeAlias

import libcst
import pytest
from libcst.metadata import MetadataWrapper, PositionProvider
from mutmut.configuration import config
from mutmut.mutation.file_mutation import Mutation, create_mutations

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from multiprocessing.context import ForkProcess

Closures: TypeAlias = "dict[int, list[FunctionType]]"
STRICT = re.compile(r",\s*strict=\w+|,\s*(?=\))")
FORK = multiprocessing.get_context("fork")
FOUND = 3
"""A process's exit code where a test failed."""
VERDICTS = {0: "survived", 1: "no run", -signal.SIGVTALRM: "timed out"}
"""By exit code; with any other the change was found."""
MEMORY = 4 << 30
"""Bytes that a mutant may take: one that asks for more fails."""
SECONDS = 3
"""Of the processor for the tests of a mutant, the likeliest first: one that outlives them has survived."""
LIMIT = 30
"""Of the processor for a mutant: one that loops for ever takes longer."""


def main() -> None:
    """Run the mutants and print the verdicts."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("patterns", nargs="*", default=["*"])
    parser.add_argument("--sample", type=int, help="so many of them, chosen by --seed")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--processes", type=int, default=2)
    asked = parser.parse_args()
    mutants = chosen(asked.patterns, asked.sample, asked.seed)
    run = Run(mutants, asked.processes)
    tests = [*config().pytest_add_cli_args, *config().pytest_add_cli_args_test_selection]
    if code := pytest.main(["-q", "-s", *tests], plugins=[run]):
        sys.exit(code)
    report(mutants, run.verdicts)


@dataclass(frozen=True)
class Mutant:
    """One change of one function."""

    module: str
    scope: str
    """Class of a method, or nothing."""
    line: int
    before: libcst.FunctionDef
    mutation: Mutation

    @property
    def function(self) -> str:
        """Qualified name within the module."""
        return ".".join(filter(None, (self.scope, self.before.name.value)))

    @property
    def place(self) -> str:
        """What patterns match, and where the change is."""
        return f"{self.module}.{self.function}:{self.line}"

    def after(self) -> libcst.FunctionDef:
        """Return the changed function."""
        after = self.before.deep_replace(self.mutation.original_node, self.mutation.mutated_node)
        assert isinstance(after, libcst.FunctionDef)
        return after

    def change(self) -> list[str]:
        """Return the lines that differ."""
        before, after = (
            libcst.Module([function]).code.strip().splitlines() for function in (self.before, self.after())
        )
        return [
            line for line in difflib.unified_diff(before, after, n=0, lineterm="") if line[:2] not in {"--", "++", "@@"}
        ]

    def told(self, verdict: str) -> list[str]:
        """Return the lines in which a reader is told what was changed."""
        return [f"{self.place}: {verdict}", *(f"    {line}" for line in self.change())]

    def apply(self, closures: Closures) -> None:
        """Give the imported function the changed code."""
        live = function_of(self.module, self.function)
        after: libcst.BaseCompoundStatement = self.after()
        if self.scope:
            after = libcst.ClassDef(libcst.Name(self.scope), libcst.IndentedBlock([after]))
        tree = ast.parse("from __future__ import annotations\n" + libcst.Module([after]).code)
        changed = next(node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef))
        before = ast.parse(libcst.Module([self.before]).code).body[0]
        assert isinstance(before, ast.FunctionDef)
        if ast.dump(before.args) != ast.dump(changed.args):
            _set_defaults(live, changed.args)
        if live.__code__.co_freevars:  # the class, for `super()`: named even where the change takes that away
            changed.body.append(ast.Expr(ast.Name("__class__", ast.Load())))
        code = compile(ast.fix_missing_locations(tree), live.__code__.co_filename, "exec")
        replace(live, code_of(code, self.function), closures)


def mutants_of(path: Path) -> list[Mutant]:
    """Return mutmut's mutants of one file."""
    module, mutations, _, _ = create_mutations(str(path), path.read_text(encoding="utf-8"))
    scopes = {child: "" for child in module.body if isinstance(child, libcst.FunctionDef)}
    for owner in module.body:
        if isinstance(owner, libcst.ClassDef):
            scopes |= {child: owner.name.value for child in owner.body.body if isinstance(child, libcst.FunctionDef)}
    places = MetadataWrapper(module, unsafe_skip_copy=True).resolve(PositionProvider)
    return [
        Mutant(module_of(path), scopes[function], places[mutation.original_node].start.line, function, mutation)
        for mutation in mutations
        if (function := mutation.contained_by_top_level_function) in scopes
    ]


def module_of(path: Path) -> str:
    """Return the name by which a file is imported."""
    return ".".join(path.with_suffix("").parts).removesuffix(".__init__")


def chosen(patterns: list[str], size: int | None, seed: int) -> list[Mutant]:
    """Return so many mutants of the functions that match, in the order of files."""
    files = sorted(path for source in config().source_paths for path in source.rglob("*.py"))
    starts = [re.split(r"[*?[]", pattern)[0] for pattern in patterns]
    made = [
        mutant
        for path in files
        if config().should_mutate(path)
        and any(module_of(path).startswith(start) or start.startswith(module_of(path)) for start in starts)
        for mutant in mutants_of(path)
    ]
    made = [mutant for mutant in made if any(fnmatch(mutant.place, f"{pattern}:*") for pattern in patterns)]
    print(f"{len(made)} mutants", flush=True)
    order = random.Random(seed).sample(range(len(made)), len(made))
    kept: list[int] = []
    for position in order:
        if len(kept) == size:
            break
        if len({STRICT.sub("", line[1:]).strip() for line in made[position].change()}) > 1:
            kept.append(position)
    return [made[position] for position in sorted(kept)]


def function_of(module: str, name: str) -> FunctionType:
    """Return an imported function by its qualified name."""
    found: object = importlib.import_module(module)
    for part in name.split("."):
        found = vars(found)[part]
    function = getattr(found, "__func__", found)
    assert isinstance(function, FunctionType)
    return function


def code_of(code: CodeType, name: str) -> CodeType:
    """Return a function's code within that of a module."""
    for part in name.split("."):
        code = next(inner for inner in code.co_consts if isinstance(inner, CodeType) and inner.co_name == part)
    return code


def closures_of_modules() -> Closures:
    """Return the functions that others have made, by the identity of their code."""
    found: Closures = defaultdict(list)
    for function in gc.get_objects():
        if isinstance(function, FunctionType) and "<locals>" in function.__code__.co_qualname:
            found[id(function.__code__)].append(function)
    return found


def replace(live: FunctionType, code: CodeType, closures: Closures) -> None:
    """Give a function other code, and to the functions that it has made what is in that."""
    within = _inner(code)
    for name, inner in _inner(live.__code__).items():
        for function in closures.get(id(inner), ()):
            if name in within and within[name].co_freevars == inner.co_freevars:
                function.__code__ = within[name]
    live.__code__ = code


def _inner(code: CodeType) -> dict[tuple[str, int], CodeType]:
    """Return the functions within, at any depth: by name, and which of that name it is."""
    found: dict[tuple[str, int], CodeType] = {}
    for inner in (one for one in code.co_consts if isinstance(one, CodeType)):
        for (name, _), further in [((inner.co_name, 0), inner), *_inner(inner).items()]:
            found[name, sum(name == other for other, _ in found)] = further
    return found


def _set_defaults(live: FunctionType, args: ast.arguments) -> None:
    def value(node: ast.expr) -> object:
        return eval(compile(ast.Expression(node), "<default>", "eval"), live.__globals__)  # noqa: S307 - the code is ours

    live.__defaults__ = tuple(map(value, args.defaults)) or None
    named = zip(args.kwonlyargs, args.kw_defaults, strict=True)
    live.__kwdefaults__ = {arg.arg: value(node) for arg, node in named if node} or None


class Run:
    """A plugin of pytest: instead of running the tests it runs the mutants."""

    def __init__(self, mutants: list[Mutant], processes: int) -> None:
        self.mutants = mutants
        self.processes = processes
        self.verdicts = ["no test"] * len(mutants)
        self.clean = False
        """Whether tests run without a mutant, so that failures are no news."""
        self.failed: set[str] = set()
        self.closures: Closures = {}
        self.folder = tempfile.TemporaryDirectory()

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Find the tests that reach each mutant, and run them."""
        for mutant in self.mutants:
            importlib.import_module(mutant.module)
        _forget()
        self.closures = closures_of_modules()
        gc.freeze()  # or the collector writes on every page, and each fork copies them
        vars(session.config)["_tmp_path_factory"].getbasetemp()  # or each process makes its own, and removes others'
        for part, verdict in self._all(list(range(self.processes)), lambda part: self._reach(part, session.items)):
            if verdict != "survived":
                raise RuntimeError(f"process {part} did not end well")
        parts = [json.loads(self._found(part).read_text(encoding="utf-8")) for part in range(self.processes)]
        tests: dict[int, dict[int, float]] = defaultdict(dict)
        for number, found in (pair for part in parts for pair in part.items()):
            tests[int(number)] |= {int(position): seconds for position, seconds in found.items()}
        print(f"{len(tests)} of {len(self.mutants)} mutants are reached by tests", flush=True)
        for number, verdict in self._all(sorted(tests), lambda number: self._try(number, tests[number], session.items)):
            self.verdicts[number] = verdict
            if verdict in {"survived", "no run"}:
                print("", *self.mutants[number].told(verdict), sep="\n", flush=True)
        return True

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """End a mutant's process with the first failure."""
        if report.failed and self.clean:
            self.failed.add(report.nodeid)
        elif report.failed:
            os._exit(FOUND)

    def _found(self, part: int) -> Path:
        return Path(self.folder.name, str(part))

    def _all(self, numbers: list[int], work: Callable[[int], None]) -> Iterator[tuple[int, str]]:
        """Do the work in a process for each number, so many at once; give how each ended."""
        running: dict[int, ForkProcess] = {}
        waiting = list(reversed(numbers))
        while waiting or running:
            while waiting and len(running) < self.processes:
                number = waiting.pop()
                running[number] = FORK.Process(target=_alone, args=(work, number))
                running[number].start()
            wait([process.sentinel for process in running.values()])
            for number in [number for number, process in running.items() if not process.is_alive()]:
                yield number, VERDICTS.get(running.pop(number).exitcode, "killed")

    def _reach(self, part: int, items: list[pytest.Item]) -> None:
        """Write down which tests reach which mutants, of every so many tests."""
        reached: set[int] = set()
        vars(builtins)["_mutation_reached"] = reached.add
        for module, numbers in _by_module(self.mutants).items():
            code = compile(_probed(module, {number: self.mutants[number] for number in numbers}), "probe", "exec")
            for name in {self.mutants[number].function for number in numbers}:
                replace(function_of(module, name), code_of(code, name), self.closures)
        self.clean = True
        tests: dict[int, dict[int, float]] = defaultdict(dict)
        positions = range(part, len(items), self.processes)
        start = time.process_time()
        for position, item in zip(positions, _run([items[position] for position in positions]), strict=True):
            end = time.process_time()
            if item.nodeid not in self.failed:
                for number in reached:
                    tests[number][position] = end - start
            reached.clear()
            start = end
        for name in sorted(self.failed):
            print(f"\nfails without a change, so it is left out: {name}", file=sys.stderr)
        self._found(part).write_text(json.dumps(tests), encoding="utf-8")

    def _try(self, number: int, tests: dict[int, float], items: list[pytest.Item]) -> None:
        self.mutants[number].apply(self.closures)
        signal.setitimer(signal.ITIMER_VIRTUAL, LIMIT)
        end = time.process_time() + SECONDS
        for _ in _run([items[position] for position in _cheap_first(tests, items)]):
            if time.process_time() > end:
                break


def _probed(module: str, mutants: dict[int, Mutant]) -> ast.Module:
    """Return a module's source, with a call before each statement that a mutant changes."""
    tree = ast.parse(Path(sys.modules[module].__file__).read_text(encoding="utf-8"))
    places = defaultdict(list)
    for number, mutant in mutants.items():
        body, index = _statement(tree.body, mutant.line)
        if isinstance(function := body[index], ast.FunctionDef):  # a default: whatever runs the function
            body, index = function.body, 0
        places[id(body), index].append((body, number))
    for (_, index), found in sorted(places.items(), key=lambda place: -place[0][1]):  # those before keep their places
        for body, number in found:
            body.insert(index, ast.parse(f"_mutation_reached({number})").body[0])
    return ast.fix_missing_locations(tree)


def _statement(body: list[ast.stmt], line: int) -> tuple[list[ast.stmt], int]:
    """Return the innermost statement at a line: the list that has it, and where."""
    index = next(i for i, statement in enumerate(body) if statement.lineno <= line <= statement.end_lineno)
    for node in (body[index], *getattr(body[index], "handlers", ()), *getattr(body[index], "cases", ())):
        for name in ("body", "orelse", "finalbody"):
            inner = getattr(node, name, [])
            if any(statement.lineno <= line <= statement.end_lineno for statement in inner):
                return _statement(inner, line)
    return body, index


def _by_module(mutants: list[Mutant]) -> dict[str, list[int]]:
    found = defaultdict(list)
    for number, mutant in enumerate(mutants):
        found[mutant.module].append(number)
    return found


def _cheap_first(tests: dict[int, float], items: list[pytest.Item]) -> list[int]:
    """Return the tests in the order in which they run: soon one of each function, and the slow ones late."""
    turns = Counter[str]()
    order = []
    for position in random.Random(0).sample(sorted(tests), len(tests)):
        name = items[position].nodeid.partition("[")[0]
        turns[name] += 1
        order.append((turns[name] * tests[position], position))
    return [position for _, position in sorted(order)]


def _run(items: list[pytest.Item]) -> Iterator[pytest.Item]:
    for item, following in zip(items, [*items[1:], None], strict=True):
        item.ihook.pytest_runtest_protocol(item=item, nextitem=following)
        yield item


def _alone(work: Callable[[int], None], number: int) -> None:
    """Do the work, of which nothing is printed."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    work(number)


def _forget() -> None:
    """Empty what was found while tests were collected, and would hide a change."""
    for found in gc.get_objects():
        if isinstance(found, functools._lru_cache_wrapper) and found.__module__.startswith("archinspect."):
            found.cache_clear()


def report(mutants: list[Mutant], verdicts: list[str]) -> None:
    """Print what no test reaches, and the score of each file."""
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for mutant, verdict in zip(mutants, verdicts, strict=True):
        counts[mutant.module][verdict] += 1
        if verdict == "no test":
            print("", *mutant.told(verdict), sep="\n")
    print()
    for module, count in sorted(counts.items()):
        print(f"{module:40} {_score(count)}")
    print(f"{'all':40} {_score(sum(counts.values(), Counter()))}")


def _score(count: Counter[str]) -> str:
    total = sum(count.values())
    detected = count["killed"] + count["timed out"]
    others = ", ".join(f"{number} {verdict}" for verdict, number in sorted(count.items()) if verdict != "killed")
    return f"{detected:5} of {total:5} found, {detected / total:6.1%}" + (f" ({others})" if others else "")


if __name__ == "__main__":
    main()
