"""The audit log's actions and objects in words. Pure.

An action that is new gets its words here, under the kind it begins with; a test walks all that the source records.
"""

from typing import Final

ACTIONS: Final[dict[str, dict[str, tuple[str, str]]]] = {
    "session": {
        "started": ("登录", "Signed in"),
        "refused": ("登录失败", "Sign-in refused"),
        "locked_out": ("登录被锁定", "Locked out"),
        "ended": ("退出登录", "Signed out"),
    },
    "password": {"changed": ("修改自己的密码", "Changed own password"), "reset": ("重设密码", "Reset a password")},
    "account": {"closed": ("停用长期未用的账号", "Closed an unused account")},
    "agent": {
        "created": ("新建人员", "Made a person"),
        "changed": ("修改人员", "Changed a person"),
        "state_asked": ("调整座席状态", "Asked for an agent's state"),
        "free_asked": ("解除座席占用", "Asked to free an agent"),
    },
    "phone": {"secret_reset": ("重设话机密钥", "Reset a phone's key")},
    "role": {
        "created": ("新建角色", "Made a role"),
        "changed": ("修改角色权限", "Changed a role"),
        "reset": ("恢复角色默认权限", "Reset a role"),
        "removed": ("删除角色", "Removed a role"),
    },
    "safety": {"changed": ("修改安全设置", "Changed the safety settings")},
    "sign_ins": {"read": ("查看登录审查", "Read the sign-ins"), "reviewed": ("完成登录审查", "Reviewed the sign-ins")},
    "audit": {"read": ("查看审计日志", "Read the audit log")},
    "customer": {
        "read": ("查看客户", "Read a customer"),
        "created": ("新建客户", "Made a customer"),
        "changed": ("修改客户", "Changed a customer"),
        "erase_asked": ("开始删除个人信息", "Began to erase a customer"),
        "erased": ("删除个人信息完成", "Erased a customer"),
    },
    "customers": {"searched": ("搜索客户", "Searched customers")},
    "calls": {"erased": ("清除到期通话的个人信息", "Erased who rang in old calls")},
    "call": {
        "read": ("查看通话", "Read a call"),
        "move_asked": ("转移通话", "Asked to move a call"),
        "priority_asked": ("调整通话优先级", "Asked for another priority"),
        "take_over_asked": ("接管通话", "Asked to take a call over"),
        "end_asked": ("结束通话", "Asked to end a call"),
    },
    "ring_back": {"done": ("登记回电", "Settled a task to ring back")},
    "callback": {"cancelled": ("取消回拨", "Cancelled a callback")},
    "caller": {"blocked": ("加入黑名单", "Blocked a caller"), "unblocked": ("移出黑名单", "Unblocked a caller")},
    "listening": {
        "started": ("开始旁听", "Began to listen"),
        "changed": ("改变旁听方式", "Changed how he listens"),
        "ended": ("结束旁听", "Ended listening"),
    },
    "message": {"sent": ("发送消息", "Sent a message"), "heard": ("听取留言", "Heard a caller's message")},
    "board": {"read": ("查看现场", "Read the board"), "opened": ("打开现场看板", "Opened the board")},
    "alarm": {"acknowledged": ("确认告警", "Acknowledged an alarm")},
    "configuration": {"changed": ("修改来电规则", "Changed the rules of routing")},
    "queue": {"added": ("新建队列", "Made a queue"), "changed": ("修改队列", "Changed a queue"),
              "removed": ("删除队列", "Removed a queue")},
    "menu": {"added": ("新建菜单", "Made a menu"), "changed": ("修改菜单", "Changed a menu"),
             "removed": ("删除菜单", "Removed a menu")},
    "hours": {"added": ("新建营业时间", "Made opening hours"), "changed": ("修改营业时间", "Changed opening hours"),
              "removed": ("删除营业时间", "Removed opening hours")},
    "skill": {"added": ("新建技能", "Made a skill"), "changed": ("修改技能", "Changed a skill"),
              "removed": ("删除技能", "Removed a skill")},
    "pause_reason": {"added": ("新建小休原因", "Made a pause reason"),
                     "changed": ("修改小休原因", "Changed a pause reason"),
                     "removed": ("删除小休原因", "Removed a pause reason")},
    "prompt": {"changed": ("修改提示音", "Changed a prompt"), "recorded": ("录制提示音", "Recorded a prompt"),
               "reset": ("恢复提示音", "Reset a prompt")},
    "shift_kind": {"set": ("修改班次", "Set a kind of shift"), "removed": ("删除班次", "Removed a kind of shift")},
    "shift_rules": {"set": ("修改排班规则", "Set the rules of rosters")},
    "roster": {
        "changed": ("修改已审批的排班", "Changed an approved roster"),
        "submitted": ("提交排班", "Handed a roster in"),
        "approved": ("批准排班", "Approved a roster"),
        "given_back": ("退回排班", "Gave a roster back"),
    },
    "swap": {
        "asked": ("申请换班", "Asked for a swap"),
        "approved": ("批准换班", "Approved a swap"),
        "declined": ("不批准换班", "Declined a swap"),
        "withdrawn": ("撤回换班", "Withdrew a swap"),
    },
    "hand_over": {
        "written": ("写交班记录", "Wrote a hand-over note"),
        "taken": ("接班", "Took over"),
        "added": ("补充交班记录", "Added to a hand-over note"),
        "item_done": ("完成交班事项", "Did what was handed over"),
    },
    "visit": {"recorded": ("登记机房来访", "Recorded a visit"), "ended": ("登记来访离开", "Recorded a visit's end")},
}  # fmt: skip
"""Kind, then verb, to the words in Chinese and English."""

OBJECTS: Final[dict[str, tuple[str, str]]] = {
    "user": ("人员", "Person"),
    "role": ("角色", "Role"),
    "customer": ("客户", "Customer"),
    "call": ("通话", "Call"),
    "ring_back": ("待回电", "Task to ring back"),
    "number": ("号码", "Number"),
    "queue": ("队列", "Queue"),
    "menu": ("菜单", "Menu"),
    "hours": ("营业时间", "Hours"),
    "skill": ("技能", "Skill"),
    "pause_reason": ("小休原因", "Pause reason"),
    "prompt": ("提示音", "Prompt"),
    "general": ("来电规则", "Rules of routing"),
    "roster": ("排班表", "Roster"),
    "shift_kind": ("班次", "Kind of shift"),
    "swap": ("换班", "Swap"),
    "hand_over": ("交班", "Hand-over"),
    "visit": ("来访", "Visit"),
    "alarm": ("告警", "Alarm"),
    "message": ("消息", "Message"),
    "week": ("周", "Week"),
}
"""Kinds of objects; one that is missing is shown by its code."""


def words_of(action: str) -> tuple[str, str]:
    """An action in Chinese and English; its code where nobody has written words."""
    kind, _, verb = action.partition(".")
    return ACTIONS.get(kind, {}).get(verb, (action, action))
