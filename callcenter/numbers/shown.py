"""The one door through which telephone numbers leave in answers: fields of these types are hidden, unless the person
who asks may see numbers.

    class CallOut(BaseModel):
        caller_number: Number | None

`callcenter.web.routes` says who asks, at each answer. Where nobody has said it, numbers are hidden.
"""

from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import PlainSerializer, SerializationInfo

from callcenter.customers.model import OwnValue
from callcenter.numbers.model import OWN_FIELDS, masked, masked_body


@dataclass(frozen=True, slots=True)
class Sight:
    """What the person who asks may see; `country` is where numbers without a country code belong, `choices` are the
    own fields whose values are chosen from a list.
    """

    whole_numbers: bool
    country: str = "CN"
    choices: frozenset[str] = frozenset()


_HIDING = Sight(whole_numbers=False)


def _sight(info: SerializationInfo) -> Sight:
    return info.context if isinstance(info.context, Sight) else _HIDING


def _number(value: str, info: SerializationInfo) -> str:
    sight = _sight(info)
    return value if sight.whole_numbers else masked(value, sight.country)


def _body(value: Any, info: SerializationInfo) -> Any:
    sight = _sight(info)
    return value if sight.whole_numbers else masked_body(value, sight.country, choices=sight.choices)


def value_of(field: str, value: Any, info: SerializationInfo) -> Any:
    """The value of a record's field, of which `own_fields.` begins the name of an own one, as it is answered."""
    sight = _sight(info)
    name = field if field.startswith(OWN_FIELDS) else OWN_FIELDS
    return value if sight.whole_numbers else masked_body(value, sight.country, name=name, choices=sight.choices)


def _values(values: Any, info: SerializationInfo) -> Any:
    return value_of(OWN_FIELDS, values, info)


Number = Annotated[str, PlainSerializer(_number, return_type=str, when_used="json")]
"""A caller's or customer's number, in any form, or a text that may be one."""
Body = Annotated[dict[str, Any], PlainSerializer(_body, return_type=dict[str, Any], when_used="json")]
"""An object with numbers somewhere in it."""
Note = Annotated[str, PlainSerializer(_body, return_type=str, when_used="json")]
"""What somebody has written and nobody edits: hidden where it is nothing but a number."""
Values = Annotated[dict[str, OwnValue], PlainSerializer(_values, return_type=dict[str, OwnValue], when_used="json")]
"""A record's own fields."""
