"""Why a supervisor's act is refused, and what to do instead."""

from callcenter.errors import ConflictError, UnavailableError


class NotWrittenDownError(UnavailableError):
    """It can't be written down just now that you ask for this, so nothing was done. Try again in a moment."""

    error_id = "not_written_down"
    zh = "目前无法记录此操作，因此未执行任何更改，请稍后再试。"


class AgentInCallError(ConflictError):
    """The agent is in a call. End the call or take it over, or wait until it is over."""

    error_id = "agent_in_call"
    zh = "座席正在通话中，请先结束或接管该通话，或等待通话结束。"


class AgentSignedOutError(ConflictError):
    """The agent is off duty. Choose somebody who is signed in."""

    error_id = "agent_signed_out"
    zh = "该座席已离岗，请选择在岗的座席。"


class AgentNotInQueueError(ConflictError):
    """The agent does not serve this caller's queue. Move the caller to one of his queues, or add him to this one."""

    error_id = "agent_not_in_queue"
    zh = "该座席不在来电者所在的队列中，请先将来电者移至其所在队列，或将该座席加入此队列。"


class CallOverError(ConflictError):
    """The call is over."""

    error_id = "call_over"
    zh = "通话已结束。"


class CallInMenuError(ConflictError):
    """The caller is in a menu or is being asked something. Wait until he stands in line."""

    error_id = "call_in_menu"
    zh = "来电者正在听取菜单或回答提示，请等其进入队列后再操作。"


class CallOnOfferError(ConflictError):
    """An agent's phone is ringing for this caller. Wait until it is answered, or take the caller over."""

    error_id = "call_on_offer"
    zh = "座席话机正在为该来电者振铃，请等待接听，或接管该来电。"


class CallInTalkError(ConflictError):
    """The caller is talking with an agent. Move him to a queue, take him over, or end the call."""

    error_id = "call_in_talk"
    zh = "来电者正在与座席通话，可将其移至队列、接管或结束通话。"


class CalledBackError(ConflictError):
    """This customer is being called back over the agent's own phone and can't be taken from there. End the call, or
    wait until it is over.
    """

    error_id = "called_back"
    zh = "正在通过座席话机回拨该客户，无法转移或接管，请结束通话或等待其结束。"


class TakenOverAlreadyError(ConflictError):
    """Another supervisor has taken this caller over."""

    error_id = "taken_over_already"
    zh = "另一位班长已接管该来电。"


class PhoneOfflineError(ConflictError):
    """Your phone is not connected. Open your desk, wait until the phone is online, then try again."""

    error_id = "phone_offline"
    zh = "您的话机未连接，请打开工作台，待话机在线后重试。"


class RecordOpenError(ConflictError):
    """You have not finished your last call. Save its record first."""

    error_id = "record_open"
    zh = "您上一通电话尚未整理完毕，请先保存记录。"
