# SPDX-License-Identifier: Apache-2.0
"""Prints the schemas of what people write with pydantic 2."""

import datetime
import decimal
import enum
import json
import typing
import uuid

import pydantic


class Colour(enum.Enum):
    RED, GREEN = "red", "green"


class Level(enum.IntEnum):
    LOW, HIGH = 1, 2


class Address(pydantic.BaseModel):
    """Where somebody lives."""
    street: str
    zip: str = pydantic.Field(pattern=r"^\d{5}$", min_length=5, max_length=5)


class Person(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="forbid")
    name: str = pydantic.Field(description="All of it.", examples=["Ada Lovelace"])
    age: int | None = pydantic.Field(default=None, ge=0, lt=150)
    home: Address
    others: list[Address] = []
    colour: Colour = Colour.RED
    level: Level = Level.LOW
    tags: set[str] = set()


class Node(pydantic.BaseModel):
    value: int
    children: list["Node"] = []
    parent: typing.Optional["Node"] = None


class Cat(pydantic.BaseModel):
    kind: typing.Literal["cat"]
    lives: int = 9


class Dog(pydantic.BaseModel):
    kind: typing.Literal["dog"]
    loud: bool


class Pets(pydantic.BaseModel):
    pet: typing.Annotated[Cat | Dog, pydantic.Field(discriminator="kind")]
    point: tuple[float, float]
    pair: tuple[int, str]
    many: tuple[int, ...] = ()
    by_name: dict[str, Cat | Dog] = {}
    anything: typing.Any = None


class Kinds(pydantic.BaseModel):
    at: datetime.datetime
    day: datetime.date | None
    span: datetime.timedelta
    id: uuid.UUID
    price: decimal.Decimal
    share: float = pydantic.Field(gt=0, le=1, multiple_of=0.5)
    url: pydantic.HttpUrl
    data: bytes
    mode: typing.Literal["a", 1, True, None] = "a"
    number: typing.Literal[1, 2, 3]
    nested: dict[str, list[int | None]]


class Words(pydantic.BaseModel):
    """Members named as keywords are."""
    type: str
    properties: dict[str, str]
    items: list[str]
    required: bool
    enum: str = pydantic.Field(alias="$ref")


class Nothing(pydantic.BaseModel):
    pass


print(json.dumps({model.__name__: model.model_json_schema() for model in (Person, Node, Pets, Kinds, Words, Nothing)}))
