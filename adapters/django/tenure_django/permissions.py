"""Permissions for Django REST framework. Importing this module needs it; nothing else does."""

from __future__ import annotations

from typing import Any, Optional

from rest_framework.exceptions import APIException, NotAuthenticated
from rest_framework.permissions import BasePermission

from .gate import Requirement, denial_for


class HasSubscription(BasePermission):
    """``permission_classes = [HasSubscription]``: 402 without access, 503 if it cannot be known."""

    feature: Optional[str] = None
    grace = True

    def has_permission(self, request: Any, view: Any) -> bool:
        """True, or the exception that says what is missing."""
        denial = denial_for(request, Requirement(feature=self.feature, grace=self.grace))
        if denial is None:
            return True
        if denial.status == 401:
            raise NotAuthenticated
        refused = APIException(denial.message, code=denial.code)
        refused.status_code = denial.status
        raise refused


def has_feature(feature: str, *, grace: bool = True) -> type[HasSubscription]:
    """A permission class for one feature: ``permission_classes = [has_feature("sso")]``."""
    return type("HasFeature", (HasSubscription,), {"feature": feature, "grace": grace})
