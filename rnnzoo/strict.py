"""The base of everything that is read from a file, and the numbers that such files hold."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

PositiveInt = Annotated[int, Field(ge=1)]
PositiveFloat = Annotated[float, Field(gt=0)]
Scalar = bool | int | float | str


class Strict(BaseModel):
    """Base of everything that is read from a file: unknown keys, wrong types and infinities are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)
