"""The one tree of errors a person or a client can be told about.

A class's docstring is its English message, `zh` its Chinese one; `callcenter.web` turns any of
them into `{"error": {"id", "message": {"en", "zh"}, "retryable", "fields"}}` in one middleware.
Rooms add their own below `HotlineError`, beside the verb that raises them.
"""

from collections.abc import Mapping
from typing import ClassVar


class HotlineError(Exception):
    """Something went wrong."""

    error_id: ClassVar[str] = "failed"
    status: ClassVar[int] = 500
    retryable: ClassVar[bool] = False
    zh: ClassVar[str] = "出错了。"

    def __init__(self, *, fields: Mapping[str, str | dict[str, str]] | None = None, detail: str = "") -> None:
        """`fields` maps a form field's name to what is wrong with it, best as {"en", "zh"}.

        `detail` is added to both messages.
        """
        super().__init__(self.en)
        self.fields = dict(fields or {})
        self.detail = detail

    @property
    def en(self) -> str:
        """The English message: the first paragraph of the class's docstring."""
        return " ".join((type(self).__doc__ or "").split("\n\n")[0].split())

    def message(self) -> dict[str, str]:
        """What a person is told, in both languages."""
        said = f" ({self.detail})" if self.detail else ""
        return {"en": self.en + said, "zh": self.zh + said}


class NotSignedInError(HotlineError):
    """Please sign in first."""

    error_id = "not_signed_in"
    status = 401
    zh = "请先登录。"


class NotAllowedError(HotlineError):
    """Your role does not allow this. Ask an administrator."""

    error_id = "not_allowed"
    status = 403
    zh = "您的角色没有此权限，请联系管理员。"


class NotFoundError(HotlineError):
    """There is no such thing here. It may have been removed."""

    error_id = "not_found"
    status = 404
    zh = "没有找到，可能已被删除。"


class InvalidInputError(HotlineError):
    """Please correct the marked fields."""

    error_id = "invalid_input"
    status = 400
    zh = "请更正标出的内容。"


class ConflictError(HotlineError):
    """Someone else changed this in the meantime. Reload and try again."""

    error_id = "conflict"
    status = 409
    zh = "内容已被他人更改，请刷新后重试。"


class UnavailableError(HotlineError):
    """A part of the hotline is not reachable just now. Try again in a moment."""

    error_id = "unavailable"
    status = 503
    retryable = True
    zh = "系统的一部分暂时无法访问，请稍后再试。"
