"""Why a transfer is refused, and what to do instead."""

from callcenter.errors import ConflictError


class NotYourTalkError(ConflictError):
    """You are not speaking with this caller now, so you can't transfer him."""

    error_id = "not_your_talk"
    zh = "您当前没有与该来电者通话，无法转接。"


class CalledBackCallerError(ConflictError):
    """You have called this customer back over your own line. Only callers who have called in can be transferred."""

    error_id = "called_back_caller"
    zh = "这是您回拨的客户，通话经由您的话机，无法转接。"


class ColleagueNotReadyError(ConflictError):
    """This colleague can't take a call just now. Choose somebody else or a queue."""

    error_id = "colleague_not_ready"
    retryable = True
    zh = "该同事目前无法接听，请选择其他同事或转至队列。"


class ConsultingAlreadyError(ConflictError):
    """You are consulting a colleague. Complete the transfer or go back to the caller first."""

    error_id = "consulting_already"
    zh = "您正在咨询同事，请先完成转接或返回来电者。"


class NoConsultError(ConflictError):
    """There is no consultation any more."""

    error_id = "no_consult"
    zh = "当前没有进行中的咨询。"


class NotAnsweredYetError(ConflictError):
    """The other side has not answered yet. Wait for the answer, or go back to the caller."""

    error_id = "not_answered_yet"
    retryable = True
    zh = "对方尚未接听，请等待接听，或返回来电者。"
