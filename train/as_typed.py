"""Settings as flags, before they are validated."""

from typing import Any, Self

from pydantic import BaseModel, ModelWrapValidatorHandler, model_validator


class AsTyped(BaseModel):
    """Mixin that keeps settings as typed, until they are validated together, with a file or alone.

    So that every mistake is reported, and in this project's words.
    """

    @model_validator(mode="wrap")
    @classmethod
    def _keep_as_given(cls, values: Any, handler: ModelWrapValidatorHandler[Self]) -> Any:
        return cls.model_construct(_fields_set=set(values), **values)

    def given(self) -> dict[str, Any]:
        """Return what was given on the command line, unchecked."""
        return {name: getattr(self, name) for name in self.model_fields_set}
