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


class RoleInUseError(HotlineError):
    """Somebody still has this role. Give them another first."""

    error_id = "role_in_use"
    status = 409
    zh = "仍有人员使用该角色，请先为他们更换角色。"


class ShippedRoleError(HotlineError):
    """A role that was shipped can be reset but not removed; an own role can be removed but not reset."""

    error_id = "shipped_role"
    status = 409
    zh = "内置角色可恢复默认但不能删除；自建角色可删除但没有默认。"


class OwnRightsError(HotlineError):
    """Nobody gives himself more rights. Ask somebody else who may."""

    error_id = "own_rights"
    status = 403
    zh = "不能为自己增加权限，请由其他有权限的人员操作。"


class BeyondOwnRightsError(HotlineError):
    """This person may do more than you. Ask somebody who may manage roles."""

    error_id = "beyond_own_rights"
    status = 403
    zh = "该人员（或该角色）的权限超出您的权限，请由可管理角色的人员操作。"


class PasswordExpiredError(HotlineError):
    """Your password is to be changed before anything else."""

    error_id = "password_expired"
    status = 403
    zh = "请先更换密码。"


class AlreadyReviewedError(HotlineError):
    """This week has been reviewed already."""

    error_id = "already_reviewed"
    status = 409
    zh = "本周已审查过。"


class WeekNotOverError(HotlineError):
    """This week is not over yet."""

    error_id = "week_not_over"
    status = 409
    zh = "本周尚未结束。"
