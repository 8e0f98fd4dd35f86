"""What analysts are told, as OpenAPI shows it: attributes, scores, audiences, quality."""

from __future__ import annotations

import math
from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, Field

__all__ = [
    "Attribute",
    "AttributeList",
    "AudienceAnswer",
    "Expected",
    "Figure",
    "PredictionAnswer",
    "PreviewAnswer",
    "QualityAnswer",
    "TopAnswer",
]


def _finite(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value


Figure = Annotated[float | None, BeforeValidator(_finite)]


class Interval(BaseModel):
    """A figure with the ends of its interval of 90 %."""

    value: Figure
    lower: Figure
    upper: Figure


class Evidence(BaseModel):
    """How far the answers of one owner hold, by what a run has measured, or why it has not."""

    run: str
    owner: str
    verdict: str = Field(description="use, use with care, not measured, or do not use.")
    reasons: list[str]
    source: str = Field(description="What ROC-AUC was found on.")
    roc_auc: Interval | None
    hidden_items: int
    users: int = Field(description="How many of this party's users that was; 0 where it was the owner's.")
    threshold: Figure


class Attribute(BaseModel):
    """An attribute that can be asked for, and what stands behind its answers."""

    key: str
    label: str
    owner: str
    kind: str = Field(description="item, or user attribute.")
    threshold: Figure = Field(description="Above it a probability is called positive.")
    calibrated: bool = Field(description="Whether probabilities were held against what came true.")
    verdict: str
    reasons: list[str]
    best: str = Field(description="Owner whose verdict and reasons these are: the one trusted most.")
    evidence: list[Evidence]


class ListedAttribute(Attribute):
    """An attribute that can be asked for, and until when."""

    until: datetime | None = Field(description="When the first of its owners stops sharing it.")


class UnavailableAttribute(BaseModel):
    """What a peer had published, and nobody may ask for any more."""

    key: str
    label: str
    owner: str
    why: str = Field(description="Who took it back, or when it ended.")


class AttributeList(BaseModel):
    """Attributes that can be asked for, by first owner and key."""

    run: str
    total: int = Field(description="How many there are that fit, shown here or not.")
    attributes: list[ListedAttribute]
    unavailable: list[UnavailableAttribute] = Field(
        description="What fits and was taken back or has ended; not paged, and the first 10,000 alone."
    )


class _Answer(BaseModel):
    run: str
    score_kind: str = Field(description="What scores are: `probability`, or numbers in order.")


class Prediction(BaseModel):
    """One user's score for one attribute."""

    user: str
    attribute: str
    owner: str
    score: float
    above_threshold: bool | None
    disagreement: Figure = Field(description="Weighted standard deviation between owners that count.")


class PredictionAnswer(_Answer):
    """Scores, users outermost, in the order asked."""

    attributes: list[Attribute]
    predictions: list[Prediction]


class Expected(BaseModel):
    """What to expect of an audience."""

    precision: Interval
    recall: Interval = Field(description="Share of all users who have what is wanted that is in it.")
    lift: Interval = Field(description="Precision over the share of all users who have it.")
    hits: Figure = Field(description="How many of its users have it.")


class Criteria(BaseModel):
    """What is wanted of users."""

    all: list[str]
    any: list[str]
    none: list[str]
    described: str = Field(description="The same as a person would say it.")
    verdict: str = Field(description="That of the attribute that is trusted least.")
    calibrated: bool


class Ranked(BaseModel):
    """A user of an audience."""

    rank: int
    user: str
    score: float
    disagreement: Figure = None


class AudienceAnswer(_Answer):
    """The most likely users, best first; ties by user id."""

    attribute: Attribute | None = Field(description="Null where several attributes were combined.")
    attributes: list[Attribute] = Field(description="In the order all, any, none.")
    criteria: Criteria
    above: Figure
    expected: Expected | None
    users: list[Ranked]


class Point(BaseModel):
    """A size that an audience could have."""

    size: int
    probability: float = Field(description="Of the last user in it.")
    expected: Expected | None
    popularity: Figure = Field(description="Precision of as many of the busiest users.")


class Bar(BaseModel):
    """How many users have a probability from one number to another."""

    lower: float
    upper: float
    users: int


class PreviewAnswer(_Answer):
    """An audience before anybody is named."""

    attribute: Attribute | None = Field(description="Null where several attributes were combined.")
    attributes: list[Attribute] = Field(description="In the order all, any, none.")
    criteria: Criteria
    users: int = Field(description="Users of the run.")
    size: int = Field(description="How many of them the audience has.")
    above: Figure = Field(description="The probability that was asked for, or that of its last user.")
    expected: Expected | None
    popularity: Expected | None = Field(description="What as many of the busiest users would bring instead.")
    base_rate: Figure = Field(
        description="Share of all users who have what is wanted; null where scores are not calibrated."
    )
    curve: list[Point]
    histogram: list[Bar]


class TopAttribute(BaseModel):
    """One of a user's best attributes."""

    user: str
    rank: int
    attribute: str
    label: str
    owner: str
    score: float
    above_threshold: bool | None
    verdict: str


class TopAnswer(_Answer):
    """The best attributes of each user, user by user in the order asked, best first."""

    left_out: list[str] = Field(description="Attributes that evidence speaks against.")
    rows: list[TopAttribute]


class Bin(BaseModel):
    """A part of the cells of hidden items: what was predicted for it, and what came true."""

    predicted: Figure
    observed: Figure
    cells: float


class AudienceFigures(BaseModel):
    """How good the best-scored users of hidden items were."""

    share: float
    users: int
    precision: Interval
    recall: Interval
    lift: Interval


class Headline(BaseModel):
    """What was measured on some hidden items."""

    items: int
    users: int
    positives: int
    base_rate: Figure
    roc_auc: Interval
    average_precision: Interval
    f1: Interval
    audiences: list[AudienceFigures]
    brier_skill: Figure
    calibration_error: Figure


class Group(Headline):
    """Hidden items with so many buyers here."""

    fewest_buyers: int
    most_buyers: int


class Figures(Headline):
    """What was measured on all hidden items of a peer."""

    threshold: Figure
    taste: Interval
    calibration_error_top: Figure
    calibration: list[Bin]
    calibration_top: list[Bin]


class ItemQuality(Evidence):
    """How good predictions of a peer's items were."""

    figures: Figures | None
    groups: list[Group]
    items_without_buyers: int


class UserAttributeQuality(BaseModel):
    """How good a user attribute was, by what its owner tells."""

    key: str
    label: str
    column: str
    evidence: Evidence | None


class PeerQuality(BaseModel):
    """What a run says of one peer."""

    peer: str
    items: ItemQuality
    user_attributes: list[UserAttributeQuality]


class QualityAnswer(BaseModel):
    """What a run says of its peers, as `feddmf quality report` does."""

    run: str
    peers: list[PeerQuality]
