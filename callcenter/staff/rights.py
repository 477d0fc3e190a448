"""The rights in words, grouped as the page of roles shows them. Pure.

A right that is added to `Permission` gets its words here; a test compares the two.
"""

from dataclasses import dataclass
from typing import Final

from callcenter.staff.permissions import Permission

_P = Permission


@dataclass(frozen=True, slots=True)
class Right:
    """A right: its name and what it means, in both languages."""

    permission: Permission
    zh: str
    en: str
    meaning_zh: str
    meaning_en: str


@dataclass(frozen=True, slots=True)
class Area:
    """Rights that belong together."""

    area_id: str
    zh: str
    en: str
    rights: tuple[Right, ...]


AREAS: Final = (
    Area(
        "desk",
        "接听与通话",
        "Calls",
        (
            Right(_P.TAKE_CALLS, "接听来电", "Take calls", "使用工作台，电话会响", "Work at a desk and be rung"),
            Right(
                _P.READ_CALLS, "查看通话", "See calls", "全部通话、经过和留言", "All calls, their course, messages left"
            ),
            Right(
                _P.CORRECT_OUTCOMES,
                "更正记录",
                "Correct outcomes",
                "修改他人填写的通话记录",
                "Change what others wrote down of their calls",
            ),
            Right(_P.RING_BACK, "处理待回电", "Ring back", "查看并登记待回电", "See and settle the tasks to ring back"),
            Right(
                _P.LISTEN_TO_RECORDINGS,
                "听录音",
                "Listen to recordings",
                "每次收听都记入审计",
                "Each listening is audited",
            ),
            Right(
                _P.DELETE_RECORDINGS,
                "删除录音",
                "Delete recordings",
                "须填写原因并留有凭证",
                "With a reason and a proof",
            ),
            Right(
                _P.WRITE_KNOWLEDGE,
                "编写知识库",
                "Write knowledge",
                "全体座席统一使用的话术与解答",
                "Scripts and answers that all agents use",
            ),
        ),
    ),
    Area(
        "customers",
        "客户资料",
        "Customers",
        (
            Right(_P.READ_CUSTOMERS, "查看客户", "See customers", "查询客户资料", "Look customers up"),
            Right(_P.WRITE_CUSTOMERS, "修改客户", "Change customers", "新建和修改客户资料", "Make and change records"),
            Right(
                _P.MERGE_CUSTOMERS,
                "合并客户",
                "Merge customers",
                "合并与拆分重复的资料",
                "Merge records and split them",
            ),
            Right(
                _P.ASSIGN_CUSTOMERS,
                "分配客户",
                "Assign customers",
                "指定客户的负责人",
                "Say whose customer somebody is",
            ),
            Right(
                _P.IMPORT_CUSTOMERS, "导入客户", "Import customers", "从文件导入，可撤销", "From files; can be undone"
            ),
            Right(
                _P.EXPORT_LISTS,
                "申请导出",
                "Ask for lists",
                "名单须经批准才能带出",
                "Lists leave the house once approved",
            ),
            Right(
                _P.APPROVE_EXPORTS,
                "批准导出",
                "Approve lists",
                "批准他人的导出申请",
                "Let somebody else's list leave the house",
            ),
            Right(_P.ERASE_CUSTOMERS, "删除个人信息", "Erase customers", "不可恢复", "Cannot be undone"),
            Right(
                _P.SEE_NUMBERS, "查看完整号码", "See whole numbers", "号码不打码", "Numbers are shown whole everywhere"
            ),
            Right(
                _P.REVEAL_NUMBERS,
                "显示打码号码",
                "Reveal a number",
                "逐个显示，每次记入审计",
                "One at a time; each is audited",
            ),
        ),
    ),
    Area(
        "supervision",
        "现场管理",
        "Supervision",
        (
            Right(_P.WATCH, "查看现场", "Watch", "看板、大屏、告警", "The live board, the wallboard, alarms"),
            Right(
                _P.SUPERVISE,
                "现场操作",
                "Supervise",
                "调整座席与通话，发送消息",
                "Act on agents and calls, send messages",
            ),
            Right(_P.LISTEN, "旁听通话", "Listen", "旁听、耳语、插话", "Listen, whisper, barge in"),
            Right(_P.BLOCK_CALLERS, "黑名单", "Block callers", "拦截来电号码", "Refuse callers by their number"),
            Right(_P.PLAN_SHIFTS, "排班", "Plan shifts", "编制排班表", "Write rosters"),
            Right(_P.APPROVE_SHIFTS, "审批排班", "Approve shifts", "审批排班与换班", "Approve rosters and swaps"),
        ),
    ),
    Area(
        "administration",
        "管理与安全",
        "Administration and safety",
        (
            Right(
                _P.READ_SETTINGS, "查看设置", "See settings", "队列、菜单、营业时间等", "Queues, menus, hours and so on"
            ),
            Right(_P.CHANGE_SETTINGS, "修改设置", "Change settings", "保存后立即生效", "Holds at once"),
            Right(_P.READ_STAFF, "查看人员", "See staff", "人员与在线状态", "People and what they do now"),
            Right(
                _P.MANAGE_STAFF,
                "管理人员",
                "Manage staff",
                "账号、密码、话机、安全设置",
                "Accounts, passwords, phones, safety",
            ),
            Right(_P.MANAGE_ROLES, "管理角色", "Manage roles", "决定角色的权限", "Say what a role may do"),
            Right(_P.READ_AUDIT, "查看审计", "Read the audit", "谁在何时做了什么", "Who did what, and when"),
            Right(
                _P.REVIEW_SIGN_INS,
                "登录审查",
                "Review sign-ins",
                "每周检查登录记录",
                "The weekly look at who signed in",
            ),
        ),
    ),
)
