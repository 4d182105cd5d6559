"""The source of a function of a notebook or script as a module of its own: with the imports and the functions that it uses, and nothing else."""
from __future__ import annotations

import ast
import builtins
import inspect
import os
import site
import symtable
import sys
import sysconfig
import textwrap
import types
from typing import Any, Callable, Dict, Iterator, List, Set

_IMPLICIT = {"__name__", "__file__", "__doc__", "__builtins__", "__spec__", "__package__"}


def module_text(function: Callable[..., Any]) -> str:
    """Raises ValueError where the function uses what another process cannot have."""
    collected = _Collected()
    collected.add_function(function)
    return collected.text()


class _Collected:
    """What a module needs so that a function works in it."""

    def __init__(self) -> None:
        self.imports: Dict[str, str] = {}
        self.functions: Dict[str, str] = {}
        self.folders: List[str] = []

    def text(self) -> str:
        head = ["from __future__ import annotations"]
        if self.folders:
            head += ["import sys", *(f"sys.path.append({folder!r})" for folder in sorted(self.folders))]
        return "\n".join(head + sorted(self.imports.values())) + "\n\n\n" + "\n\n".join(self.functions.values())

    def add_function(self, function: Callable[..., Any]) -> None:
        name = function.__name__
        if name == "<lambda>":
            raise ValueError("a lambda has no source of its own: write it as a function (def)")
        code = inspect.unwrap(function)
        if code.__closure__:
            raise ValueError(f"{name} uses {', '.join(code.__code__.co_freevars)} of the function around it: "
                             "it runs in another process, so give these as parameters")
        try:
            source = textwrap.dedent(inspect.getsource(code))
        except (OSError, TypeError):
            raise ValueError(f"the source of {name} cannot be found: write it in a notebook's cell, a script or a module") from None
        tree = ast.parse(source)
        definition = tree.body[0] if len(tree.body) == 1 else None
        if not isinstance(definition, ast.FunctionDef):
            raise ValueError(f"{name} is no function with a source of its own: write it as a function (def)")
        self.functions[name] = _without_registering(source, definition)
        for used in sorted(_globals(self.functions[name])):
            self._add_global(name, used, code.__globals__)

    def _add_global(self, function: str, name: str, names: Dict[str, Any]) -> None:
        if name in self.imports or name in self.functions:
            return
        if name not in names:
            if hasattr(builtins, name) or name in _IMPLICIT:
                return
            raise ValueError(f"{function} uses {name}, which is not defined here: define or import it before you register {function}")
        value = names[name]
        if isinstance(value, types.ModuleType):
            if value.__name__ == "__main__" or sys.modules.get(value.__name__) is not value:
                raise ValueError(f"{function} uses the module {name}, which cannot be imported by its name")
            self._add_import(name, value.__name__, f"import {value.__name__} as {name}")
            return
        module, qualified = getattr(value, "__module__", None), getattr(value, "__qualname__", None) or getattr(value, "__name__", None)
        if isinstance(module, str) and isinstance(qualified, str) and module != "__main__" and "." not in qualified \
                and getattr(sys.modules.get(module), qualified, None) is value:
            self._add_import(name, module, f"from {module} import {qualified} as {name}")
        elif inspect.isfunction(value) and value.__module__ == "__main__":
            if value.__name__ != name:
                raise ValueError(f"{function} calls {value.__name__} by another name, {name}: call it as it was defined")
            self.add_function(value)
        elif inspect.isclass(value):
            raise ValueError(f"{function} uses the class {name} of the notebook, which other processes do not have: write it in a module, and import it")
        else:
            raise ValueError(f"{function} uses {name}, a variable of the notebook, which other processes do not have: make it a parameter "
                             f"(def {function}(..., {name}=...)), or set it inside of the function")

    def _add_import(self, name: str, module: str, line: str) -> None:
        self.imports[name] = line
        top = sys.modules.get(module.partition(".")[0])
        file = getattr(top, "__file__", None)
        if not file:
            return
        folder = os.path.dirname(os.path.abspath(file))
        if os.path.basename(file).startswith("__init__."):
            folder = os.path.dirname(folder)
        if folder not in _known_folders() and folder not in self.folders:
            self.folders.append(folder)


def _known_folders() -> Set[str]:
    """Where every process of this Python looks for modules."""
    paths = sysconfig.get_paths()
    known = {paths[key] for key in ("stdlib", "platstdlib", "purelib", "platlib")} | set(site.getsitepackages()) | {site.getusersitepackages()}
    return known | {os.path.join(paths["platstdlib"], "lib-dynload")}


def _without_registering(source: str, definition: ast.FunctionDef) -> str:
    """The source without evh5's own decorator; others stay, as they are part of what it does."""
    lines = source.splitlines(True)
    for decorator in definition.decorator_list:
        called = decorator.func if isinstance(decorator, ast.Call) else decorator
        if (called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", "")) == "register":
            for number in range(decorator.lineno - 1, decorator.end_lineno or decorator.lineno):
                lines[number] = ""
    return "".join(lines)


class _NoAnnotations(ast.NodeTransformer):
    """Nothing evaluates annotations in the module, so what they name is not needed."""

    def visit_arg(self, node: ast.arg) -> ast.arg:
        node.annotation = None
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        node.returns = None
        return self.generic_visit(node)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST:
        self.generic_visit(node)
        node.annotation = ast.Constant(value=None)
        return node


def _globals(source: str) -> Set[str]:
    """The names that a function takes from its module, as it is defined and as it runs."""
    text = ast.unparse(_NoAnnotations().visit(ast.parse(source)))
    top = symtable.symtable(text, "<function>", "exec")
    defined = {symbol.get_name() for symbol in top.get_symbols() if symbol.is_assigned()}

    def used(table: symtable.SymbolTable) -> Iterator[str]:
        for symbol in table.get_symbols():
            if symbol.is_referenced() and (table is top or symbol.is_global()):
                yield symbol.get_name()
        for child in table.get_children():
            yield from used(child)

    return set(used(top)) - defined
