"""What analysts ask, as bodies of requests: user ids stand in no address."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

__all__ = ["AudienceQuestion", "Form", "PredictionQuestion", "Question", "Text", "TopQuestion"]

_MOST_USERS = 100_000
_MOST_KEYS = 5_000

Text = Annotated[str, Field(min_length=1, max_length=1_000)]
Form = Literal["json", "csv", "parquet"]
_FORM = "json, or a file: the columns are those of `feddmf query --out`, rows are streamed."


class Question(BaseModel):
    """What every question says: of which run and owner, and whether in spite of the evidence."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    run: Text | None = Field(None, description="Run to ask; the one that finished last.")
    owner: Text | None = Field(None, description="Peer that published it; all who did make one answer.")
    anyway: bool = Field(False, description="Answer also where the evidence says that it is of no use.")


class PredictionQuestion(Question):
    """Which users to score for which attributes."""

    attributes: tuple[Text, ...] = Field(
        min_length=1, max_length=_MOST_KEYS, description="Keys of attributes."
    )
    users: tuple[Text, ...] | None = Field(
        None, min_length=1, max_length=_MOST_USERS, description="User ids; all users of the run without them."
    )
    format: Form = Field("json", description=_FORM)


class AudienceQuestion(Question):
    """Of which attribute the most likely users are wanted, and where to cut their ranking."""

    attribute: Text = Field(description="Key of the attribute.")
    size: int | None = Field(None, ge=1, description="Number of users; 20 where nothing else cuts.")
    above: float | None = Field(None, ge=0, le=1, description="All users with a higher probability.")
    threshold: bool = Field(False, description="All users above the threshold that hidden items chose.")
    format: Form = Field("json", description=_FORM)

    @model_validator(mode="after")
    def _cut_once(self) -> AudienceQuestion:
        if (self.size is not None) + (self.above is not None) + self.threshold > 1:
            raise ValueError("size, above and threshold each cut the ranking: give one of them")
        return self


class TopQuestion(Question):
    """Which users' best attributes are wanted."""

    users: tuple[Text, ...] = Field(min_length=1, max_length=_MOST_USERS, description="User ids.")
    top: int = Field(10, ge=1, le=1_000, description="How many attributes of each user.")
    attributes: tuple[Text, ...] | None = Field(
        None,
        min_length=1,
        max_length=_MOST_KEYS,
        description="Keys to choose among; all that the evidence speaks for without them.",
    )
