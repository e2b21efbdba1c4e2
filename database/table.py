"""Tables: one list of columns each, from which all statements over whole rows are generated at import.

To add a column, add one line to the table's list, and a migration.
"""
# ruff: noqa: S608  (statements are joined from constants; values travel as parameters)

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from types import UnionType
from typing import Annotated, Any, Generic, LiteralString, NamedTuple, TypeVar, Union, get_args, get_origin
from typing import get_type_hints as type_hints
from uuid import UUID

T = TypeVar("T")

Statement = tuple[LiteralString, tuple[list[Any], ...]]
"""A statement, and one array for each of the table's columns."""

SmallInt = Annotated[int, "int2"]
Integer = Annotated[int, "int4"]
BigInt = Annotated[int, "int8"]
"""Types of a struct's fields for `columns_of`, where Python's type does not imply PostgreSQL's."""

NEVER = datetime.fromtimestamp(0, UTC)
_NULLS: dict[str, tuple[Any, LiteralString]] = {
    "text": ("", "''"),
    "uuid": (UUID(int=0), "'00000000-0000-0000-0000-000000000000'"),
    "timestamptz": (NEVER, "'epoch'"),
}
"""The value that stands for null in arrays and compared rows, in Python and in SQL, by type."""

_TYPES: dict[Any, LiteralString] = {str: "text", bytes: "bytea", UUID: "uuid", datetime: "timestamptz"}


class TableColumn(NamedTuple):
    """One column.

    `path` leads from an object to the value by attributes, "payment.status.value"; by default it is the name.
    `nullable`: the column is null where a step of the path is None, and arrays hold the value of `_NULLS`.
    `fixed`: the value never changes after the insert.
    """

    name: LiteralString
    type: LiteralString
    path: str = ""
    nullable: bool = False
    fixed: bool = False

    @property
    def python(self) -> str:
        """The Python expression for the value in the object `row`."""
        value = f"row.{self.path or self.name}"
        if not self.nullable:
            return value
        first, *steps = value.removesuffix(".value").split(".")  # an enum member always has a value
        tests = [f"{first}.{'.'.join(steps[:count])} is None" for count in range(1, len(steps) + 1)]
        return f"null_{self.type} if {' or '.join(tests)} else {value}"

    @property
    def from_array(self) -> LiteralString:
        value: LiteralString = f"(%b::{self.type}[])[i]"
        return f"nullif({value}, {_NULLS[self.type][1]})" if self.nullable else value

    @property
    def to_array(self) -> LiteralString:
        return f"coalesce({self.name}, {_NULLS[self.type][1]})" if self.nullable else self.name


class ArrayTable(Generic[T]):
    """A table to which rows are only added. `arrays` declares the types of its columns in a statement."""

    def __init__(self, name: LiteralString, columns: Sequence[TableColumn]) -> None:
        self.name = name
        self.columns = columns
        self.names = ", ".join(column.name for column in columns)
        self.arrays = ", ".join(f"%b::{column.type}[]" for column in columns)
        self.arrays_of = _compile_arrays(columns)
        values = ", ".join(column.from_array for column in columns)
        # Reading elements by number costs less than `unnest`, which stores each of several arrays first. The
        # first array has the number of rows; in a subquery, so that one plan serves any number.
        count: LiteralString = f"(select cardinality($1::{columns[0].type}[]))"
        self._insert: LiteralString = (
            f"insert into {name} ({self.names}) select {values} from generate_series(1, {count}) as i"
        )

    def insert(self, rows: Sequence[T]) -> Statement:
        return self._insert, self.arrays_of(rows)

    def names_in(self, alias: LiteralString) -> LiteralString:
        """Return the names of all columns, qualified by the alias of the table in a query."""
        return ", ".join(f"{alias}.{column.name}" for column in self.columns)


class KeyedTable(ArrayTable[T]):
    """A table with one row for each key, which an upsert brings up to date.

    `every_row` selects the whole table in the columns, order and null values that `arrays_of` returns.
    """

    def __init__(
        self,
        name: LiteralString,
        columns: Sequence[TableColumn],
        key: LiteralString = "id",
        order: LiteralString = "",
    ) -> None:
        super().__init__(name, columns)
        selected = ", ".join(column.to_array for column in columns)
        self.every_row: LiteralString = f"select {selected} from {name} order by {order or key}"
        changing = [column.name for column in columns if not column.fixed and column.name != key]
        changes = ", ".join(f"{column} = excluded.{column}" for column in changing)
        self._upsert: LiteralString = f"{self._insert} on conflict ({key}) do update set {changes}"

    def upsert(self, rows: Sequence[T]) -> Statement:
        """Return the statement that writes these rows, each at most once, whether new or changed."""
        return self._upsert, self.arrays_of(rows)


def columns_of(struct: type[Any]) -> list[TableColumn]:
    """Return one column for each field of a struct or named tuple, in order. None is sent as null."""
    return [
        TableColumn(name, _type_of(hint)) for name, hint in type_hints(struct, include_extras=True).items()
    ]


def _type_of(hint: Any) -> LiteralString:
    if get_origin(hint) in (Union, UnionType):
        hint = get_args(hint)[0]
    python, *marks = get_args(hint) if get_origin(hint) is Annotated else (hint,)
    declared: LiteralString | None = next((mark for mark in marks if isinstance(mark, str)), None)
    return declared or _TYPES[python]


def _compile_arrays(columns: Sequence[TableColumn]) -> Callable[[Sequence[Any]], tuple[list[Any], ...]]:
    """Compile `lambda rows: ([row.id for row in rows], [row.seats for row in rows], …)`.

    List comprehensions take half the time of a function call for each value: a block writes thousands.
    """
    arrays = "".join(f"[{column.python} for row in rows], " for column in columns)
    nulls = {f"null_{type}": null for type, (null, _) in _NULLS.items()}
    return eval(f"lambda rows: ({arrays})", nulls)  # type: ignore[no-any-return]  # noqa: S307
