"""What can go wrong with staff, as people are told it."""

from callcenter.errors import HotlineError


class WrongPasswordError(HotlineError):
    """Username or password is wrong."""

    error_id = "wrong_password"
    status = 401
    zh = "用户名或密码错误。"


class LockedOutError(HotlineError):
    """Too many failed sign-ins."""

    error_id = "locked_out"
    status = 429
    retryable = True
    zh = "登录失败次数过多。"

    def __init__(self, seconds: int) -> None:
        """`seconds` until the next try."""
        super().__init__()
        self.seconds = seconds

    def message(self) -> dict[str, str]:
        """Says how long."""
        minutes = -(-self.seconds // 60)
        unit = "minute" if minutes == 1 else "minutes"
        return {
            "en": f"{self.en} Try again in {minutes} {unit}.",
            "zh": f"{self.zh}请在 {minutes} 分钟后再试。",
        }


class LastAdministratorError(HotlineError):
    """Somebody must remain who can administer the hotline."""

    error_id = "last_administrator"
    status = 409
    zh = "必须保留至少一名可用的管理员。"


class NoPhoneError(HotlineError):
    """This person has no phone. Give him an extension first."""

    error_id = "no_phone"
    status = 409
    zh = "该人员没有分机，请先为其设置分机号。"


class OnCallError(HotlineError):
    """This agent has a call just now. Try again when it is over."""

    error_id = "agent_on_call"
    status = 409
    retryable = True
    zh = "该座席正在通话，请在通话结束后再试。"
