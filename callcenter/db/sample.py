"""What a first run starts with: two queues and what belongs to them, staff to sign in as, and customers who look like
real ones.

Loaded once, in one transaction, into a database that has no staff. The passwords come from outside, so that
whoever keeps them has them before anybody needs them.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from callcenter.configuration import store as settings
from callcenter.configuration.model import (
    CallerKind,
    CallerRule,
    Configuration,
    Hours,
    Member,
    Queue,
    RingTarget,
    RingTargetKind,
    Skill,
    Span,
    Week,
)
from callcenter.customers import store as customers
from callcenter.customers.model import Address, Contract, ContractKind, CustomerNumber, Draft
from callcenter.db.pool import Pool
from callcenter.staff import store as staff
from callcenter.staff.model import PhoneKind, Role, sip_digest
from callcenter.staff.passwords import Passwords


@dataclass(frozen=True, slots=True)
class _Member:
    username: str
    display_name: str
    role: str
    extension: str | None = None
    phone_kind: PhoneKind | None = None
    queues: tuple[str, ...] = ()
    technical: int = 0
    """His level in the skill of that name."""


STAFF = (
    _Member("admin", "系统管理员", Role.ADMINISTRATOR),
    _Member("manager", "吴经理", Role.MANAGER),
    _Member("super", "周主管", Role.SUPERVISOR, "1005", PhoneKind.BROWSER),
    _Member("alice", "陈晓琳", Role.AGENT, "1001", PhoneKind.BROWSER, ("service", "complaint"), 3),
    _Member("bob", "李伟", Role.AGENT, "1002", PhoneKind.BROWSER, ("service",), 7),
    _Member("carol", "王芳", Role.AGENT, "1003", PhoneKind.DESK, ("service", "complaint")),
    _Member("dave", "赵强", Role.AGENT, "1004", PhoneKind.DESK, ("service",)),
    _Member("clerk", "林静怡", Role.COMPLAINT_SPECIALIST, "1007", PhoneKind.BROWSER),
    _Member("auditor", "郑审", Role.AUDITOR),
)

PROJECTS = ("天竺花园", "新外滩公寓", "滨江名苑", "锦绣家园", "康宁药房会员", "安捷电梯客户")
_NAMES = [
    "刘建国",
    "张伟",
    "王秀英",
    "李娜",
    "陈静",
    "杨洋",
    "赵敏",
    "黄磊",
    "周涛",
    "吴芳",
    "徐丽",
    "孙鹏",
    "马超",
    "朱琳",
    "胡军",
    "郭婷",
    "何勇",
    "高翔",
    "林燕",
    "罗斌",
    "梁红",
    "宋佳",
    "郑浩",
    "谢宁",
    "韩雪",
    "唐宇",
    "冯雷",
    "于慧",
    "董洁",
    "萧然",
]
_STARTS = ("138", "139", "136", "158", "186", "177", "150", "189")


_LEVELS = ("钻石卡", "", "银卡", "", "金卡", "")
_TAGS = (("业委会",), ("独居老人", "需上门"), ("噪音敏感",), (), ("新入住",), ("装修中",))
_OWNER = "alice"
_OWNED = 3
"""Each third customer is hers."""


def _contracts(place: int, today: date) -> list[Contract]:
    """What a customer has with the house: some still under warranty, some not."""
    begun = today - timedelta(days=120 + place * 41)
    kind, name = (
        (ContractKind.HOUSEHOLD, "入户维修"),
        (ContractKind.DECORATION, "全屋装修"),
        (ContractKind.ELEVATOR, "电梯维保"),
        (ContractKind.MEMBERSHIP, "会员服务"),
    )[place % 4]
    return [
        Contract(
            kind=kind,
            name=name,
            number=f"HT-{begun:%Y}-{place + 1:04d}",
            signed_on=begun,
            starts_on=begun + timedelta(days=14),
            warranty_until=begun + timedelta(days=2 * 365) if place % 4 != 3 else None,
            ends_on=begun + timedelta(days=365) if place % 4 >= 2 else None,
        )
    ]


def _address(place: int) -> Address:
    return Address("家", "", str(place % 9 + 1), str(place % 3 + 1), f"{place % 12 + 1}0{place % 4 + 1}")


def _drafts(today: date) -> list[Draft]:
    drafts = []
    for place, name in enumerate(_NAMES):
        numbers = [CustomerNumber(f"+86{_STARTS[place % 8]}{12345678 + place * 137_911:08d}"[:14], "手机")]
        if place % 3 == 0:
            numbers.append(CustomerNumber(f"+86571{87650000 + place:08d}", "家里"))
        drafts.append(
            Draft(
                name=name,
                company_or_project=PROJECTS[place % len(PROJECTS)],
                vip=place % 10 == 0,
                notes="对噪音敏感，来电请优先处理。" if place % 10 == 0 else "",
                language="zh",
                numbers=numbers,
                addresses=[_address(place)],
                member_level=_LEVELS[place % len(_LEVELS)],
                birthday=date(1955 + place * 7 % 45, place % 12 + 1, place * 11 % 28 + 1) if place % 2 == 0 else None,
                tags=_TAGS[place % len(_TAGS)],
                contracts=_contracts(place, today) if place % 2 == 0 else (),
            )
        )
    mother = Draft(
        name="刘老太太",
        company_or_project=PROJECTS[0],
        notes="刘建国的母亲，与他共用一部电话。",
        language="zh",
        numbers=[drafts[0].numbers[0]],
        addresses=[_address(0)],
        birthday=date(1941, 3, 8),
        tags=["独居老人"],
    )
    odd = Draft(
        name='O\'Brien "Pat" 🙂 <b>',
        company_or_project=PROJECTS[1],
        unit_or_address="7 号楼",
        language="en",
        numbers=[CustomerNumber("+14155550123", "US")],
    )
    return [*drafts, mother, odd]


def _configuration(kept: Configuration) -> Configuration:
    """Open at all hours and without a menu, so that the first call one tries rings a phone; the rest is `kept`."""
    work_day = [Span(start="08:30", end="12:00"), Span(start="13:30", end="17:30")]
    queues = [
        Queue(
            queue_id="service",
            name_zh="客服热线",
            name_en="Service hotline",
            numbers=["4008001234"],
            members=_members("service"),
        ),
        Queue(
            queue_id="complaint",
            name_zh="投诉专线",
            name_en="Complaint line",
            numbers=["4008001235"],
            priority=2,
            ring_target=RingTarget(kind=RingTargetKind.BEFORE, rings=3),
            members=_members("complaint"),
        ),
    ]
    return Configuration(
        name="示例 · Sample",
        caller_rules=[
            CallerRule(kind=CallerKind.COMPLAINT, priority=2),
            CallerRule(kind=CallerKind.OPEN_CASE, priority=1),
            CallerRule(kind=CallerKind.VIP, priority=2),
        ],
        queues=queues,
        hours=[
            Hours(
                hours_id="office",
                name_zh="办公时间",
                name_en="Office hours",
                week=Week(monday=work_day, tuesday=work_day, wednesday=work_day, thursday=work_day, friday=work_day),
            )
        ],
        skills=[
            Skill(
                skill_id="technical",
                name_zh="工程技术",
                name_en="Technical",
                agents={member.username: member.technical for member in STAFF if member.technical},
            )
        ],
        pause_reasons=kept.pause_reasons,
    )


def _members(queue_id: str) -> list[Member]:
    return [Member(username=member.username) for member in STAFF if queue_id in member.queues]


async def load_sample(pool: Pool, secret: Callable[[str], str]) -> list[dict[str, Any]]:
    """Load the sample if there is no staff yet; the logins either way.

    `secret(name)` gives the password of that name (`password of alice`, `phone of carol`), always the same.
    """
    logins = [_login(member, secret) for member in STAFF]
    hashes = Passwords()
    password_hashes = {login["username"]: await hashes.hash(login["password"]) for login in logins}
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute("lock table users in share row exclusive mode")
        if await connection.fetchval("select exists (select from users)"):
            return logins
        for member, login in zip(STAFF, logins, strict=True):
            user_id = await staff.insert(
                connection, member.username, member.display_name, member.role, password_hashes[member.username]
            )
            if member.extension and member.phone_kind:
                password = login.get("sip_password")
                digest = sip_digest(member.extension, password) if password else None
                await staff.put_phone(connection, user_id, member.extension, member.phone_kind, digest)
        await settings.next_revision(connection)
        kept = (await settings.read(connection)).configuration
        _, user_ids = await settings.read_known(connection)
        await settings.write(connection, kept, _configuration(kept), user_ids)
        for place, draft in enumerate(_drafts(datetime.now(UTC).date())):
            customer_id = await customers.insert(connection, draft, None)
            if place % _OWNED == 0:
                await connection.execute(
                    "update customers set owner_id = $2, owner_since = now() where customer_id = $1",
                    customer_id,
                    user_ids[_OWNER],
                )
    return logins


def _login(member: _Member, secret: Callable[[str], str]) -> dict[str, Any]:
    login: dict[str, Any] = {
        "role": member.role,
        "username": member.username,
        "password": secret(f"password of {member.username}"),
        "extension": member.extension,
        "phone_kind": member.phone_kind.value if member.phone_kind else None,
    }
    if member.extension and member.phone_kind is PhoneKind.DESK:
        login |= {"sip_username": member.extension, "sip_password": secret(f"phone of {member.username}")}
    return login
