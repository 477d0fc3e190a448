"""Customers by the million, as a Chinese property company has them, made inside PostgreSQL within minutes.

`python -m tests.bench.customers_data --size 500000 postgresql://…` fills a database that has the hotline's tables. Of N
customers there are 1.6 N numbers and 2 N calls. The same size makes the same names, numbers and units.
"""

import argparse
import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import asyncpg

SURNAMES: Final = (
    "王w李l张z刘l陈c杨y黄h赵z吴w周z徐x孙s马m朱z胡h郭g何h林l高g罗l郑z梁l谢x宋s唐t许x韩h冯f邓d曹c彭p曾z肖x田t董d袁y"
    "潘p于y蒋j蔡c余y杜d叶y程c苏s魏w吕l丁d任r沈s姚y卢l姜j崔c钟z谭t陆l汪w范f金j石s廖l贾j夏x韦w付f方f白b邹z孟m熊x秦q"
    "邱q江j尹y薛x闫y段d雷l侯h龙l史s陶t黎l贺h顾g毛m郝h龚g邵s万w钱q严y覃q武w戴d莫m孔k向x汤t"
)
"""With the first letter of each one's pinyin; the most frequent first."""
GIVEN: Final = (
    "伟w芳f娜n敏m静j丽l强q磊l军j洋y勇y艳y杰j涛t明m超c秀x霞x平p刚g桂g英y华h玉y建j国g文w辉h玲l红h春c梅m海h波b燕y鹏p"
    "飞f婷t雪x琳l慧h颖y宇y浩h然r欣x怡y子z轩x涵h梓z萱x晨c志z凯k鑫x雨y佳j嘉j俊j斌b宁n倩q莉l荣r生s龙l山s云y凤f兰l"
    "珍z淑s洁j蕾l晓x东d峰f健j亮l民m良l成c康k安a乐l诗s思s睿r博b翔x航h泽z宏h立l昌c盛s福f祥x瑞r庆q金j银y宝b"
)
CITIES: Final = ("杭州市", "上海市", "宁波市", "苏州市", "南京市", "绍兴市", "嘉兴市", "温州市", "合肥市", "无锡市")
PLACES: Final = (
    "绿城", "万科", "滨江", "保利", "锦绣", "天竺", "翡翠", "阳光", "金色", "碧水", "香樟", "桂花", "湖畔", "江南",
    "春江", "西溪", "星河", "龙湖", "世纪", "东方", "和平", "幸福", "新华", "文一", "丁桥", "三里", "玉泉", "紫金",
    "云栖", "城东",
)  # fmt: skip
KINDS: Final = (
    "花园", "公寓", "名苑", "家园", "雅居", "新村", "华庭", "御园", "豪庭", "小区", "国际", "府邸", "一期", "二期",
    "水岸",
)  # fmt: skip
MOBILES: Final = (
    "130", "131", "132", "133", "134", "135", "136", "137", "138", "139", "147", "150", "151", "152", "153",
    "155", "156", "157", "158", "159", "166", "176", "177", "178", "180", "186", "187", "188", "189", "199",
)  # fmt: skip
AREAS: Final = ("21", "571", "574", "512", "25", "575", "573", "577", "551", "510")
NOTES: Final = (
    "问物业费怎么交，已告知可在公众号缴纳。", "厨房漏水，已派维修工明天上午上门。", "电梯停运半小时，安抚后报工程部。",
    "投诉楼上夜间装修噪音，转客服主管。", "咨询装修合同的保修期，已说明。", "预约周六看房。",
    "门禁卡丢失，请带身份证到前台补办。",
    "停车位被占，已联系保安。", "对上次维修满意，表示感谢。", "询问会员积分兑换。", "要求开具发票。",
    "地下室积水，急。",
    "空调外机噪音大，约周三检测。", "问水费异常，已登记复核。", "转告李经理回电。", "", "", "", "", "",
)  # fmt: skip
CALL_TYPES: Final = ("enquiry", "enquiry", "enquiry", "repair", "repair", "complaint", "payment", "booking", "message")
FILLED: Final = (
    "customers", "customer_numbers", "customer_addresses", "customer_contracts", "customer_changes", "calls",
    "ring_backs", "messages",
)  # fmt: skip
REGULARS: Final = 10
"""Customers who ring all the time: companies and managing boards."""
FULL: Final = 5_000_000


@dataclass(frozen=True, slots=True)
class Size:
    """How many there are of everything."""

    customers: int
    numbers: int
    calls: int

    @classmethod
    def of(cls, customers: int) -> "Size":
        """So many customers, and what belongs to them."""
        return cls(customers, customers * 8 // 5, customers * 2)


def mobile_sql(of: str) -> str:
    """The first number of the customer with this id, each another."""
    return f"""('+86' || (array[{_texts(MOBILES)}])[1 + ({of} % {len(MOBILES)})]
        || lpad((({of}::bigint / {len(MOBILES)}) * 9699691 % 100000000)::text, 8, '0'))"""


def _texts(words: tuple[str, ...]) -> str:
    return ", ".join(f"'{word}'" for word in words)


def _array(words: tuple[str, ...]) -> str:
    return f"(array[{_texts(words)}])"


def _pick(words: tuple[str, ...], of: str) -> str:
    """One of the words; `of` is from 0 to below 1."""
    return f"{_array(words)}[1 + floor({of} * {len(words)})::int]"


def _letters(pairs: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    return tuple(pairs[::2]), tuple(pairs[1::2])


def _customers(size: Size) -> str:
    (surnames, first), (given, second) = _letters(SURNAMES), _letters(GIVEN)
    return f"""
    insert into customers (name, initials, company_or_project, unit_or_address, vip, member_level, birthday, tags,
        notes, language, created_at, updated_at, owner_id, owner_since, owner_until)
    select {_array(surnames)}[s] || {_array(given)}[g] || case when two then {_array(given)}[h] else '' end,
        {_array(first)}[s] || {_array(second)}[g] || case when two then {_array(second)}[h] else '' end,
        place, (1 + n % 40) || '幢' || (1 + n / 40 % 4) || '单元' || (101 + n / 160 % 30 * 100 + n / 4800 % 4),
        r < 0.02, case when r < 0.6 then '' else {_pick(("普卡", "银卡", "金卡", "钻石卡"), "random()")} end,
        case when r < 0.6 then date '1945-01-01' + (random() * 22000)::int end,
        case when r < 0.3 then array[{_pick(("业主", "租户", "装修中", "欠费", "独居老人", "投诉户"), "random()")}]
            else '{{}}' end,
        case when r < 0.05 then '对噪音敏感，来电请优先处理。' else '' end, 'zh', came, came,
        case when r < 0.2 then owner end, case when r < 0.2 then came end,
        case when r < 0.2 then came + interval '2 months' end
    from (
        select n, random() as r, random() < 0.75 as two,
            1 + floor(power(random(), 2) * {len(surnames)})::int as s, 1 + floor(random() * {len(given)})::int as g,
            1 + floor(random() * {len(given)})::int as h,
            {_pick(PLACES, "random()")} || {_pick(KINDS, "random()")} as place,
            now() - random() * interval '3 years' as came,
            (array(select user_id from agents order by user_id))[1 + n % (select greatest(count(*), 1) from agents)]
                as owner
        from generate_series(0, {size.customers - 1}) n
    ) as made
    """


def _numbers(size: Size) -> str:
    """Everybody's mobile; for three in five another: a second mobile, or the landline that two of a household share."""
    more = size.numbers - size.customers
    return f"""
    insert into customer_numbers (number, customer_id, label, position)
    select {mobile_sql("n")}, n, '手机', 0 from generate_series(1, {size.customers}) n
    union all
    select case when n % 3 = 0 then '+86' || area || (80000000 + n / 6 % 9999999)
            else {mobile_sql(f"(n + {size.customers})")} end,
        n, case when n % 3 = 0 then '家里' else '手机2' end, 1
    from (select n, {_array(AREAS)}[1 + n / 6 % {len(AREAS)}] as area from generate_series(1, {more}) n) as more
    """


_ADDRESSES: Final = f"""
    insert into customer_addresses (customer_id, position, label, address, building, unit, room)
    select customer_id, 0, '家', {_array(CITIES)}[1 + customer_id % {len(CITIES)}] || company_or_project,
        split_part(unit_or_address, '幢', 1) || '幢',
        split_part(split_part(unit_or_address, '幢', 2), '单元', 1) || '单元', split_part(unit_or_address, '单元', 2)
    from customers
"""
_CONTRACTS: Final = """
    insert into customer_contracts (customer_id, kind, name, number, signed_on, starts_on, ends_on, warranty_until)
    select customer_id, kind, company_or_project || case kind when 'decoration' then '装修' when 'elevator' then '电梯'
            when 'membership' then '会员' else '物业' end,
        'HT' || to_char(created_at, 'YYYY') || '-' || lpad(customer_id::text, 7, '0'), created_at::date,
        created_at::date, created_at::date + 365, created_at::date + 730
    from (select *,
        (array['household', 'decoration', 'elevator', 'membership', 'other'])[1 + customer_id / 5 % 5] as kind
        from customers where customer_id % 5 = 0) as c
"""
_CHANGES: Final = """
    insert into customer_changes (customer_id, at, kind, detail)
    select customer_id, created_at, 'created', '{}'::jsonb from customers
    union all
    select customer_id, created_at + interval '40 days', 'changed', '{"changed": {"vip": [false, true]}}'
    from customers where customer_id % 10 = 0
"""


def _calls(size: Size) -> str:
    """Two years of calls; one in two hundred by the few who ring all the time, one in ten by a stranger."""
    return f"""
    insert into calls (call_id, node, queue_id, called_number, caller_number, customer_id, agent_id, status, arrived_at,
        queued_at, offered_at, ringing_at, answered_at, ended_at, outcome_at, rings, agent_rings, waiting_seconds,
        ringing_seconds, talking_seconds, holding_seconds, wrapup_seconds, offers, hung_up_by, call_type, notes,
        next_step, outcome_by)
    select 'node1-' || floor(extract(epoch from at))::bigint || '.' || n, 'node1', queue, '+8657188880000',
        {mobile_sql("who")}, case when not stranger then who end, case when answered then agent end, case when answered
            then 'answered' else {_pick(("abandoned", "abandoned", "abandoned", "message", "closed"), "random()")} end,
        at, at + interval '1 second', at + interval '2 seconds', at + interval '2 seconds',
        case when answered then at + waited end, at + waited + case when answered then talked else interval '0' end,
        case when answered then at + waited + talked + interval '30 seconds' end,
        1 + (extract(epoch from waited) / 5)::int, 1, extract(epoch from waited), 4,
        case when answered then extract(epoch from talked) else 0 end, 0, case when answered then 30 end, 1,
        case when random() < 0.7 then 'caller' else 'agent' end,
        case when answered then {_pick(CALL_TYPES, "random()")} end,
        case when answered then {_pick(NOTES, "random()")} end,
        case when answered then {_pick(("none",) * 8 + ("site_visit", "callback"), "random()")} end,
        case when answered then agent end
    from (
        select n, now() - interval '730 days' * (1 - n / {size.calls}.0) as at, random() < 0.87 as answered,
            random() < 0.1 as stranger,
            case when n % 200 = 0 then 1 + n / 200 % {REGULARS}
                else 1 + floor(power(random(), 1.5) * {size.customers})::bigint end as who,
            interval '1 second' * (3 + floor(power(random(), 3) * 120)) as waited,
            interval '1 second' * (20 + floor(power(random(), 2) * 600)) as talked,
            (select queue_id from queues where removed_at is null order by position limit 1) as queue,
            (array(select user_id from agents order by user_id))[1 + n % (select greatest(count(*), 1) from agents)]
                as agent
        from generate_series(1, {size.calls}) n
    ) as made
    """


_RING_BACKS: Final = """
    insert into ring_backs (number, customer_id, call_id, first_at, last_at, state, done_at, done_note, queue_id)
    select caller_number, customer_id, call_id, ended_at, ended_at, 'done', ended_at + interval '1 hour', '已回电',
        queue_id
    from calls where status = 'abandoned' and random() < 0.5
"""
_MESSAGES: Final = """
    insert into messages (call_id, number, seconds, recording, recorded_at)
    select call_id, caller_number, 12, '', ended_at from calls where status = 'message'
"""


async def _without_indices(connection: asyncpg.Connection) -> list[str]:
    """Take the tables' indices away; what makes them again. Keys that other tables refer to stay."""
    rows = await connection.fetch(
        """
        select i.indexdef, i.indexname, i.tablename, c.conname, pg_get_constraintdef(c.oid) as made
        from pg_indexes i left join pg_constraint c on c.conname = i.indexname
            and c.conrelid = to_regclass(i.tablename) and c.contype = 'p'
        where i.schemaname = 'public' and i.tablename = any($1)
            and (i.indexname !~ '_pkey$' or i.indexname = 'customer_numbers_pkey')
        order by i.tablename, i.indexname
        """,
        list(FILLED),
    )
    again = []
    for row in rows:
        if row["conname"] is None:
            await connection.execute(f"drop index {row['indexname']}")
            again.append(row["indexdef"])
        else:
            await connection.execute(f"alter table customer_numbers drop constraint {row['conname']}")
            again.append(f"alter table customer_numbers add constraint {row['conname']} {row['made']}")
    return again


async def fill(url: str, size: Size, tell: Callable[[str], None]) -> float:
    """Make it all; the seconds it took."""
    began = time.monotonic()
    connection = await asyncpg.connect(url)
    try:
        await connection.execute("set synchronous_commit = off")
        await connection.execute("set session_replication_role = replica")  # what is made here refers to what is there
        await connection.execute("set maintenance_work_mem = '1GB'")
        await connection.execute("set work_mem = '256MB'")
        await connection.execute("select setseed(0.5)")
        async with connection.transaction():
            await _fill(connection, size, tell)
        await connection.execute("vacuum analyze " + ", ".join(FILLED))
    finally:
        await connection.close()
    return round(time.monotonic() - began, 1)


async def _fill(connection: asyncpg.Connection, size: Size, tell: Callable[[str], None]) -> None:
    await connection.execute("truncate " + ", ".join(FILLED) + " restart identity cascade")
    again = await _without_indices(connection)
    for what, statement in (
        ("customers", _customers(size)),
        ("numbers", _numbers(size)),
        ("addresses", _ADDRESSES),
        ("contracts", _CONTRACTS),
        ("changes", _CHANGES),
        ("calls", _calls(size)),
        ("tasks to ring back", _RING_BACKS),
        ("messages", _MESSAGES),
    ):
        said = await connection.execute(statement)
        tell(f"{int(said.rsplit(' ', 1)[-1]):,} {what}")
    for statement in again:
        at = time.monotonic()
        await connection.execute(statement)
        tell(f"{statement.split(' ON ')[0].split(' using ')[0]:.90} ({time.monotonic() - at:.0f} s)")


def main() -> None:
    """Fill a database that is named on the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.customers_data", description=__doc__)
    parser.add_argument("--size", type=int, default=FULL, help="customers; 1.6 times as many numbers, twice the calls")
    parser.add_argument("url", help="the database; the customers and calls that are in it are removed")
    arguments = parser.parse_args()
    began = time.monotonic()
    asyncio.run(
        fill(arguments.url, Size.of(arguments.size), lambda line: print(f"{time.monotonic() - began:6.1f} s  {line}"))
    )


if __name__ == "__main__":
    main()
