"""What a column can be of a customer, and by which headings it is known. Pure.

A field is named as in the records; `number` may stand for several columns, `own:…` is a field that the department
made itself (`customer_fields`).
"""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

NUMBER: Final = "number"
OWN: Final = "own:"


@dataclass(frozen=True, slots=True)
class OwnField:
    """A field that the department made: `kind` is text, number, date, yes_no or choice."""

    field_id: str
    name_zh: str
    name_en: str
    kind: str
    choices: Sequence[str] = ()
    required: bool = False


@dataclass(frozen=True, slots=True)
class FieldKind:
    """What a column can be: its names, the headings it is known by (folded), its longest text."""

    key: str
    zh: str
    en: str
    headings: tuple[str, ...]
    longest: int = 200


def _field(key: str, zh: str, en: str, headings: str, longest: int = 200) -> FieldKind:
    return FieldKind(key, zh, en, tuple(headings.split()), longest)


ADDRESS: Final = ("address", "building", "unit", "room")
CONTRACT: Final = (
    "contract_kind",
    "contract_name",
    "contract_number",
    "signed_on",
    "starts_on",
    "ends_on",
    "warranty_until",
)
FIELDS: Final[tuple[FieldKind, ...]] = (
    _field(
        "name",
        "姓名",
        "Name",
        "姓名 客户姓名 名字 客户名称 客户 业主 业主姓名 会员姓名 联系人 名称 name customer customername "
        "fullname contact",
    ),
    _field(
        NUMBER,
        "电话",
        "Telephone",
        "手机 手机号 手机号码 移动电话 电话 电话号码 联系电话 联系方式 固话 座机 固定电话 家庭电话 "
        "办公电话 备用电话 其他电话 mobile mobilephone phone phonenumber telephone tel cell number "
        "contactnumber landline homephone officephone",
    ),
    _field(
        "company_or_project",
        "项目/公司",
        "Project or company",
        "公司 单位名称 工作单位 公司名称 项目 项目公司 公司项目 项目名称 小区 楼盘 company project "
        "organisation organization projectcompany companyproject projectorcompany",
    ),
    _field(
        "address",
        "地址",
        "Address",
        "地址 住址 联系地址 详细地址 家庭住址 address street",
    ),
    _field(
        "building",
        "楼栋",
        "Building",
        "楼栋 栋 幢 楼号 栋号 楼 building block",
        longest=40,
    ),
    _field(
        "unit",
        "单元",
        "Unit",
        "单元 单元号 unit entrance",
        longest=40,
    ),
    _field(
        "room",
        "房号",
        "Room",
        "房号 室 房间 房间号 门牌号 室号 room roomnumber flat",
        longest=40,
    ),
    _field(
        "member_level",
        "会员等级",
        "Member level",
        "会员等级 等级 会员级别 级别 客户等级 memberlevel level membership grade",
        longest=40,
    ),
    _field(
        "vip",
        "VIP",
        "VIP",
        "vip 重要客户 贵宾 是否vip vip客户 important",
        longest=20,
    ),
    _field(
        "birthday",
        "生日",
        "Birthday",
        "生日 出生日期 出生年月日 birthday dateofbirth birthdate dob",
        longest=40,
    ),
    _field(
        "tags",
        "标签",
        "Tags",
        "标签 客户标签 tags tag labels",
    ),
    _field(
        "notes",
        "备注",
        "Notes",
        "备注 说明 客户备注 notes note remarks remark comment comments",
        longest=4000,
    ),
    _field(
        "contract_kind",
        "合同类型",
        "Contract kind",
        "合同类型 合同种类 contractkind contracttype",
        longest=40,
    ),
    _field(
        "contract_name",
        "合同名称",
        "Contract",
        "合同 合同名称 工程名称 contract contractname",
    ),
    _field(
        "contract_number",
        "合同编号",
        "Contract number",
        "合同号 合同编号 contractnumber contractno",
        longest=100,
    ),
    _field(
        "signed_on",
        "签订日期",
        "Signed on",
        "签订日期 签约日期 signedon signed",
        longest=40,
    ),
    _field(
        "starts_on",
        "开始日期",
        "Starts on",
        "开始日期 开工日期 生效日期 startson startdate start",
        longest=40,
    ),
    _field(
        "ends_on",
        "结束日期",
        "Ends on",
        "结束日期 竣工日期 到期日期 合同到期 endson enddate end",
        longest=40,
    ),
    _field(
        "warranty_until",
        "保修至",
        "Warranty until",
        "保修至 保修到期 质保期至 质保到期 保修期至 warrantyuntil warranty warrantyend",
        longest=40,
    ),
)
"""In the order a page lists them. The headings are those of real departments' lists."""
BY_KEY: Final = {one.key: one for one in FIELDS}


def folded(heading: str) -> str:
    """A heading without what does not tell it apart: spaces, brackets, stars, signs, what stands in brackets."""
    plain = re.sub(r"[(（\[【].*?[)）\]】]", "", unicodedata.normalize("NFKC", heading).casefold())
    return re.sub(r"[\W_]+", "", plain)


def guess(headings: Sequence[str], own: Iterable[OwnField]) -> list[str]:
    """The field of each column, by its heading; empty where none is known. Each field but `number` once."""
    known = {said: one.key for one in FIELDS for said in one.headings}
    for made in own:
        known |= {folded(made.name_zh): OWN + made.field_id, folded(made.name_en): OWN + made.field_id}
    mapping: list[str] = []
    for heading in headings:
        said = folded(heading)
        key = known.get(said) or known.get(re.sub(r"[\d一二三]+$", "", said), "")
        mapping.append(key if key == NUMBER or key not in mapping else "")
    return mapping


def header_of(rows: Sequence[Sequence[str]], own: Sequence[OwnField] = ()) -> int:
    """Which of the first rows holds the headings, from 1: titles may stand above it; 0 when none looks like it."""
    known = [sum(bool(key) for key in guess(row, own)) for row in rows]
    return known.index(max(known)) + 1 if known and max(known) > 0 else 0


def mapping_problem(mapping: Sequence[str], own: Iterable[OwnField]) -> dict[str, str] | None:
    """What is wrong with a mapping, in both languages; None when it can be used."""
    own_keys = {OWN + one.field_id for one in own}
    chosen = [key for key in mapping if key]
    if "name" not in chosen:
        return {"en": "Choose the column that holds the name.", "zh": "请指定“姓名”所在的列。"}
    for key in chosen:
        if key not in BY_KEY and key not in own_keys:
            return {"en": f"There is no field {key}.", "zh": f"没有“{key}”这个字段。"}
        if key != NUMBER and chosen.count(key) > 1:
            name = BY_KEY.get(key)
            zh, en = (name.zh, name.en) if name else (key, key)
            return {"en": f"Two columns are {en}.", "zh": f"有两列都对应“{zh}”。"}
    return None
