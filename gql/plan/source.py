"""The source of a plan's hot loop: what `Renderer.render` does for each field, written out as one function."""

from collections.abc import Callable, Iterator
from typing import Any

from gql.plan.error import NullValue
from gql.plan.leaf import json_bytes_of
from gql.plan.shape import Kind
from gql.plan.tree import FieldPlan, ObjectPlan

HOT = 64  # objects rendered by a plan before it is compiled, which takes as long as rendering some 50 of them
MOST_FIELDS = 100  # of a compiled object with those below it: Python's compiler takes 10 µs for each

_INDENT = "    "


class Source:
    """The function that renders the objects of one plan: its text, and the values of its names.

    It takes the renderer and the source object, and returns the dictionary. It raises an exception if a leaf, or an
    object that needs no queue, fails; then nothing has been queued, and `Renderer.render` begins again field by field.
    """

    def __init__(self, plan: ObjectPlan) -> None:
        self.names: dict[str, Any] = {"NullValue": NullValue}
        self._plan = plan
        self._values: dict[str, str] = {}
        self.text = "\n".join(["def render(self, source):", *(_INDENT + line for line in self._lines())]) + "\n"

    def compile(self) -> Callable[[Any, Any], dict[str, Any]]:
        """The function; takes 0.2 to 1 ms."""
        exec(compile(self.text, f"<plan of {self._plan.type_name}>", "exec"), self.names)  # noqa: S102 -- our own text
        function: Callable[[Any, Any], dict[str, Any]] = self.names.pop("render")
        return function

    def _lines(self) -> Iterator[str]:
        plan = self._plan
        yield f"size = {plan.size_bytes}"
        queued = []
        for index, field in enumerate(plan.fields):
            if field.shape.kind is Kind.READ and not field.shape.is_list and is_direct(field):
                self._values[field.key] = f"v{index}"
                yield from self._value(index, field)
            else:
                queued.append((index, field))
        items = [f"{key!r}: {self._values.get(key, repr(constant))}" for key, constant in plan.template.items()]
        yield f"out = {{{', '.join(items)}}}"
        yield f"self.left -= {plan.weight}"
        yield "self.size_bytes += size"
        for index, field in queued:
            yield from self._queue(index, field)
        yield "return out"

    def _get(self, index: int, field: FieldPlan) -> str:
        """The expression that resolves a field."""
        if field.shape.field.base_resolver is None:
            return f"source.{field.shape.field.python_name}"
        self.names[f"get{index}"] = field.shape.resolve
        return f"get{index}(source)"

    def _value(self, index: int, field: FieldPlan) -> Iterator[str]:
        """The lines that set the variable of a leaf or an object."""
        name, shape = f"v{index}", field.shape
        yield f"{name} = {self._get(index, field)}"
        lines = list(self._completed(index, field))
        if not shape.is_nullable:
            yield f"if {name} is None: raise NullValue"
            yield from lines
        elif lines:
            yield f"if {name} is not None:"
            yield from (_INDENT + line for line in lines)

    def _completed(self, index: int, field: FieldPlan) -> Iterator[str]:
        """The lines that complete a value that is not null."""
        name, shape = f"v{index}", field.shape
        if field.objects is not None:
            self.names[f"render{index}"] = {class_: each.function for class_, each in field.objects.items()}
            yield f"{name} = render{index}[type({name})](self, {name})"
        elif shape.is_text:
            yield f"size += len({name}) if {name}.isascii() else len({name}.encode(errors='replace'))"
        elif shape.is_json:
            self.names["json_bytes_of"] = json_bytes_of
            yield f"size += json_bytes_of({name})"
        elif shape.convert is not None:
            self.names[f"convert{index}"] = shape.convert
            yield f"{name} = convert{index}({name})"

    def _queue(self, index: int, field: FieldPlan) -> Iterator[str]:
        """The lines for a field that a queue or arguments belong to."""
        self.names[f"field{index}"] = field
        if field.shape.kind is Kind.CALLED:
            yield f"self.call(field{index}, out, source)"
        elif field.shape.kind is not Kind.READ:
            yield f"self.defer(field{index}, out, source)"
        else:
            yield "try:"
            yield f"{_INDENT}value = {self._get(index, field)}"
            yield "except Exception as error:"
            yield f"{_INDENT}self.fail(field{index}, out, {field.key!r}, error)"
            yield "else:"
            yield f"{_INDENT}self.put(field{index}, out, value)"


def is_direct(field: FieldPlan) -> bool:
    """Whether the values of a field and all below them are complete at once, without lists, arguments or waiting."""
    if field.objects is None:
        return True
    return all(
        each.shape.kind is Kind.READ and not each.shape.is_list and is_direct(each)
        for plan in field.objects.values()
        for each in plan.fields
    )


def compile_hot(plan: ObjectPlan) -> None:
    """Compile a plan with those of the objects that are rendered in the same call; large ones stay as they are."""
    if size_of(plan) > MOST_FIELDS:
        plan.is_large = True
        return
    for field in plan.fields:
        if field.objects is not None and is_direct(field) and not field.shape.is_list:
            for each in field.objects.values():
                if each.function is None:
                    compile_hot(each)
    plan.function = Source(plan).compile()


def size_of(plan: ObjectPlan) -> int:
    """The number of fields that are compiled with a plan."""
    direct = [each for each in plan.fields if each.objects is not None and is_direct(each) and not each.shape.is_list]
    return len(plan.fields) + sum(size_of(below) for each in direct for below in (each.objects or {}).values())
