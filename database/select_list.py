"""Select lists: SQL expressions for the fields of a struct, and the struct made from each row."""

from collections.abc import Callable, Sequence
from enum import Enum
from typing import Annotated, Any, Generic, LiteralString, TypeVar, get_args, get_origin

import msgspec

from database.connection import Connection
from database.head import QueryResult, rows
from database.stored_values import MembersByValue, decoder_of

S = TypeVar("S", bound=msgspec.Struct)


class SelectList(Generic[S]):
    """The expressions that a query selects, and the struct made from each of its rows.

    A field without an expression of its own is the column of the same name in `alias`. Several expressions
    for one field make a nested struct of its first fields, which is None where the first of them is null. One
    expression for a struct, a list or a dictionary is a column with its JSON; for null a list is empty, and
    UNSET stands where the type has it. The last fields may have None as their expression: they are not
    selected, and keep their defaults.
    """

    def __init__(
        self,
        struct: type[S],
        alias: LiteralString,
        **expressions: LiteralString | tuple[LiteralString, ...] | None,
    ) -> None:
        selected: list[LiteralString] = []
        values: list[str] = []
        classes: dict[str, Any] = {struct.__name__: struct}
        for field in msgspec.structs.fields(struct):
            parts = expressions.get(field.encode_name, f"{alias}.{field.encode_name}")
            if parts is None:
                continue
            first = len(selected) + 1  # the row begins with the position
            if isinstance(parts, str):
                selected.append(f"{parts} as {field.encode_name}")
                values.append(_python_of(field.type, [f"row[{first}]"], classes))
            else:
                selected += parts
                columns = [f"row[{number}]" for number in range(first, first + len(parts))]
                values.append(_python_of(field.type, columns, classes))
        self.sql: LiteralString = ", ".join(selected)
        source = f"lambda row: {struct.__name__}({', '.join(values)})"
        self.build: Callable[[tuple[Any, ...]], S] = eval(source, classes)  # noqa: S307

    async def fetch(
        self, connection: Connection, statement: LiteralString, parameters: Sequence[Any]
    ) -> QueryResult[list[S]]:
        """Run a query that selects `head.position` and this list, left joined to `head`."""
        found = await rows(connection, statement, parameters)
        return QueryResult(found[0][0], [self.build(row) for row in found if row[1] is not None])


def _python_of(kind: Any, columns: list[str], classes: dict[str, Any]) -> str:
    """Return the Python expression for a value of this type, made of these columns of `row`."""
    if get_origin(kind) is list:
        decode = f"decode_{len(classes)}"
        classes[decode] = decoder_of(kind)
        return f"[] if {columns[0]} is None else {decode}({columns[0]})"
    optional = type(None) in get_args(kind)
    null = "UNSET" if msgspec.UnsetType in get_args(kind) else "None"
    kind = next((part for part in get_args(kind) if part not in (type(None), msgspec.UnsetType)), kind)
    if get_origin(kind) is Annotated:
        kind = get_args(kind)[0]
    if _is_json(kind, columns):
        decode = f"decode{len(classes)}"
        classes.update({decode: decoder_of(kind), "UNSET": msgspec.UNSET})
        return f"{null} if {columns[0]} is None else {decode}({columns[0]})"
    if not isinstance(kind, type) or not issubclass(kind, Enum | msgspec.Struct):
        return columns[0]
    if issubclass(kind, Enum):
        classes[kind.__name__] = MembersByValue(kind)
        member = f"{kind.__name__}[{columns[0]}]"
        return f"None if {columns[0]} is None else {member}" if optional else member
    classes[kind.__name__] = kind
    fields = zip(msgspec.structs.fields(kind)[: len(columns)], columns, strict=True)
    values = ", ".join(_python_of(field.type, [column], classes) for field, column in fields)
    return f"None if {columns[0]} is None else {kind.__name__}({values})"


def _is_json(kind: Any, columns: list[str]) -> bool:
    """Return whether one column has all of a struct or a dictionary."""
    if get_origin(kind) is dict:
        return True
    return len(columns) == 1 and isinstance(kind, type) and issubclass(kind, msgspec.Struct)


def join_conditions(*conditions: tuple[Any, ...]) -> tuple[LiteralString, list[Any]]:
    """Join conditions on what a search may leave open, each an SQL text and its parameters.

    A condition with a parameter None is left out.
    """
    used = [condition for condition in conditions if None not in condition]
    return " ".join(text for text, *_ in used), [value for _, *values in used for value in values]
