"""A first description of a folder of images, made by looking at it."""

from trainer.drafting.draft import Draft, draft_description
from trainer.drafting.writing import description_text

__all__ = ["Draft", "description_text", "draft_description"]
