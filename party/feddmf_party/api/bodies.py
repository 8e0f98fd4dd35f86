"""What analysts ask, as bodies of requests: user ids stand in no address."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from feddmf_party.criteria import Criteria

__all__ = [
    "AudienceQuestion",
    "CriteriaQuestion",
    "Form",
    "PredictionQuestion",
    "Question",
    "Text",
    "TopQuestion",
    "WantedQuestion",
]

_MOST_USERS = 100_000
_MOST_KEYS = 5_000
# Attributes of one audience: each is scored for all users.
_MOST_COMBINED = 20

Text = Annotated[str, Field(min_length=1, max_length=1_000)]
Keys = Annotated[tuple[Text, ...], Field(max_length=_MOST_COMBINED)]
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


class CriteriaQuestion(BaseModel):
    """Which attributes users are to have or to lack."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    all: Keys = Field((), description="Keys of attributes that they have, each of them.")
    any: Keys = Field((), description="Keys of which they have one at least.")
    none: Keys = Field((), description="Keys of which they have not one.")


class WantedQuestion(Question):
    """Of which attributes the most likely users are wanted, and where to cut their ranking."""

    attribute: Text | None = Field(None, description="Key of the attribute, where it is one.")
    criteria: CriteriaQuestion | None = Field(None, description="Several attributes, in its place.")
    size: int | None = Field(None, ge=1, description="Number of users; 20 where nothing else cuts.")
    above: float | None = Field(None, ge=0, le=1, description="All users with a higher probability.")
    threshold: bool = Field(
        False, description="All users above the threshold that hidden items chose, for one attribute."
    )

    @model_validator(mode="after")
    def _cut_once(self) -> Self:
        if (self.size is not None) + (self.above is not None) + self.threshold > 1:
            raise ValueError("size, above and threshold each cut the ranking: give one of them")
        return self

    @model_validator(mode="after")
    def _wanted_once(self) -> Self:
        if (self.attribute is None) == (self.criteria is None):
            raise ValueError("give an attribute, or criteria for several")
        return self

    def wanted(self) -> Criteria:
        """Return what is wanted; InputError where that is nothing, or one attribute is named twice."""
        if self.criteria is None:
            return Criteria.of(self.attribute or "")
        return Criteria(self.criteria.all, self.criteria.any, self.criteria.none)


class AudienceQuestion(WantedQuestion):
    """Of which attributes the most likely users are wanted, where to cut their ranking, and in what form."""

    format: Form = Field("json", description=_FORM)


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
