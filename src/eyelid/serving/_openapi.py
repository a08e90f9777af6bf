"""How requests are described where documentation is turned on; they are read by hand, so that errors hold nothing."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel


def takes(model: type[BaseModel]) -> dict[str, Any]:
    """An endpoint whose body is a model."""
    schema = model.model_json_schema()
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}
