"""The order of order.h for pydantic, with the same checks."""

from datetime import datetime
from enum import Enum
from typing import Annotated

from pydantic import BaseModel, Field


class Status(Enum):
    new = "new"
    packed = "packed"
    sent = "sent"


class Address(BaseModel):
    street: str
    city: str
    zip: Annotated[str, Field(max_length=10)]
    country: Annotated[str, Field(min_length=2, max_length=2)]


class Customer(BaseModel):
    name: str
    email: str
    address: Address


class Line(BaseModel):
    sku: str
    title: str
    price: Annotated[float, Field(ge=0)]
    count: Annotated[int, Field(ge=1)]


class Order(BaseModel):
    id: int
    placed: datetime
    customer: Customer
    items: list[Line]
    tags: list[str]
    labels: dict[str, str]
    total: float
    paid: bool
    discount: float | None = None
    ip: str
    note: Annotated[str, Field(max_length=500)]
    attempts: int = 0
    weights: list[float]
    session: str
    status: Status
