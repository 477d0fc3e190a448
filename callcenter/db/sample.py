"""What a first run starts with: two queues, staff to sign in as, and customers who look like real ones.

Loaded once, in one transaction, into a database that has no staff. The passwords come from outside, so that
whoever keeps them has them before anybody needs them.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from callcenter.customers import store as customers
from callcenter.customers.model import CustomerNumber, Draft
from callcenter.db.pool import Pool
from callcenter.staff import store as staff
from callcenter.staff.model import PhoneKind, Role, sip_digest
from callcenter.staff.passwords import Passwords

QUEUES = (
    ("service", "客服热线", "Service hotline", "4008001234"),
    ("complaint", "投诉专线", "Complaint line", "4008001235"),
)


@dataclass(frozen=True, slots=True)
class _Member:
    username: str
    display_name: str
    role: Role
    extension: str | None = None
    phone_kind: PhoneKind | None = None
    queues: tuple[str, ...] = ()


STAFF = (
    _Member("admin", "系统管理员", Role.ADMINISTRATOR),
    _Member("super", "周主管", Role.SUPERVISOR),
    _Member("alice", "陈晓琳", Role.AGENT, "1001", PhoneKind.BROWSER, ("service", "complaint")),
    _Member("bob", "李伟", Role.AGENT, "1002", PhoneKind.BROWSER, ("service",)),
    _Member("carol", "王芳", Role.AGENT, "1003", PhoneKind.DESK, ("service", "complaint")),
    _Member("dave", "赵强", Role.AGENT, "1004", PhoneKind.DESK, ("service",)),
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


def _drafts() -> list[Draft]:
    drafts = []
    for place, name in enumerate(_NAMES):
        numbers = [CustomerNumber(f"+86{_STARTS[place % 8]}{12345678 + place * 137_911:08d}"[:14], "手机")]
        if place % 3 == 0:
            numbers.append(CustomerNumber(f"+86571{87650000 + place:08d}", "家里"))
        drafts.append(
            Draft(
                name=name,
                company_or_project=PROJECTS[place % len(PROJECTS)],
                unit_or_address=f"{place % 9 + 1} 幢 {place % 3 + 1} 单元 {place % 12 + 1}0{place % 4 + 1}",
                vip=place % 10 == 0,
                notes="对噪音敏感，来电请优先处理。" if place % 10 == 0 else "",
                language="zh",
                numbers=numbers,
            )
        )
    mother = Draft(
        name="刘老太太",
        company_or_project=PROJECTS[0],
        unit_or_address="1 幢 1 单元 101",
        vip=False,
        notes="刘建国的母亲，与他共用一部电话。",
        language="zh",
        numbers=[drafts[0].numbers[0]],
    )
    odd = Draft(
        name='O\'Brien "Pat" 🙂 <b>',
        company_or_project=PROJECTS[1],
        unit_or_address="7 号楼",
        vip=False,
        notes="",
        language="en",
        numbers=[CustomerNumber("+14155550123", "US")],
    )
    return [*drafts, mother, odd]


async def load_sample(pool: Pool, secret: Callable[[str], str]) -> list[dict[str, Any]]:
    """Load the sample if there is no staff yet; the logins either way.

    `secret(name)` gives the password of that name (`password of alice`, `phone of carol`), always the same.
    """
    logins = [_login(member, secret) for member in STAFF]
    hashes = Passwords()
    kept = {login["username"]: await hashes.hash(login["password"]) for login in logins}
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute("lock table users in share row exclusive mode")
        if await connection.fetchval("select exists (select from users)"):
            return logins
        for position, (queue_id, name_zh, name_en, number) in enumerate(QUEUES):
            await connection.execute(
                "insert into queues (queue_id, name_zh, name_en, position) values ($1, $2, $3, $4)",
                queue_id,
                name_zh,
                name_en,
                position,
            )
            await connection.execute("insert into queue_numbers (number, queue_id) values ($1, $2)", number, queue_id)
        for member, login in zip(STAFF, logins, strict=True):
            user_id = await staff.insert(
                connection, member.username, member.display_name, member.role, kept[member.username]
            )
            if member.extension and member.phone_kind:
                password = login.get("sip_password")
                digest = sip_digest(member.extension, password) if password else None
                await staff.put_phone(connection, user_id, member.extension, member.phone_kind, digest)
                await staff.put_queues(connection, user_id, member.queues)
        for draft in _drafts():
            await customers.insert(connection, draft, None)
    return logins


def _login(member: _Member, secret: Callable[[str], str]) -> dict[str, Any]:
    login: dict[str, Any] = {
        "role": member.role.value,
        "username": member.username,
        "password": secret(f"password of {member.username}"),
        "extension": member.extension,
        "phone_kind": member.phone_kind.value if member.phone_kind else None,
    }
    if member.extension and member.phone_kind is PhoneKind.DESK:
        login |= {"sip_username": member.extension, "sip_password": secret(f"phone of {member.username}")}
    return login
