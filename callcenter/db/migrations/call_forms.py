"""The first version of each call type's form, from the handbooks (requirements 3.1, 4.2, 4.3, REC), and agents' words.

They are what migration 0010 writes; later versions live in the table, and this is not read again. What a call is about
stands in every outcome's notes, so that no form asks for it again.
"""

from typing import Any, Final

_Named = dict[str, Any]


def _named(code: str, name_zh: str, name_en: str) -> _Named:
    return {"code": code, "name_zh": name_zh, "name_en": name_en}


def _field(
    kind: str, code: str, name_zh: str, name_en: str, *, required: bool = False, help_zh: str = "", help_en: str = ""
) -> _Named:
    return _named(code, name_zh, name_en) | {
        "kind": kind,
        "required": required,
        "help_zh": help_zh,
        "help_en": help_en,
        "options": [],
    }


def _choice(code: str, name_zh: str, name_en: str, *options: tuple[str, str, str], required: bool = False) -> _Named:
    return _field("choice", code, name_zh, name_en, required=required) | {"options": [_named(*one) for one in options]}


READ_BACK: Final = [
    _named("number", "电话号码", "Telephone number"),
    _named("name", "姓名", "Name"),
    _named("address", "联系地址", "Address"),
    _named("matter", "来电事项", "The matter"),
]
"""What is read back once in every call (TEL-17, REC-02)."""

_CALLER: Final = _field(
    "text", "caller", "来电人", "Caller", help_zh="与客户档案不同时填写", help_en="Where it is not the customer"
)
_PLACE: Final = _field("text", "place", "地点/房号", "Place or room")
_WHEN: Final = _field("date_time", "wanted_at", "预约时间", "Wanted at")
_CONTACT: Final = _field(
    "phone",
    "contact",
    "联系电话",
    "Number to call",
    help_zh="与来电号码不同时填写",
    help_en="Where it differs from the caller's",
)
_REASON: Final = _field("text", "reason", "咨询原因", "Why he asks")
_PRODUCT: Final = _field("text", "product", "产品名称/型号", "Product, model")
_ORDER: Final = _field("text", "order_number", "订单/合同号", "Order or contract")


def _form(*fields: _Named, **more: Any) -> dict[str, Any]:
    whole: dict[str, Any] = {"sub_types": [], "sub_type_required": False, "closing_zh": "", "closing_en": ""}
    return whole | {"fields": list(fields), "read_back": READ_BACK} | more


_COMPLAINT: Final = _form(
    _CALLER,
    _field("long_text", "demand", "客户要求", "What the customer demands", required=True),
    _field("date_time", "happened_at", "发生时间", "When it happened"),
    _field("text", "about", "涉及部门/人员", "Department or person concerned"),
    _ORDER,
    _field("yes_no", "repeated", "重复投诉", "Complained before"),
    _CONTACT,
    sub_types=[
        _named("attitude", "服务态度", "Attitude of service"),
        _named("professional", "专业素质", "Professional quality"),
        _named("efficiency", "服务效率", "Efficiency of service"),
        _named("other_service", "其他服务", "Other service"),
        _named("quality", "产品质量", "Product quality"),
        _named("packaging", "包装破损", "Damaged packaging"),
        _named("spoilage", "变质", "Spoilage"),
        _named("install", "产品安装", "Installation"),
        _named("staff_attitude", "售后人员态度", "Attitude of after-sales staff"),
        _named("dereliction", "不尽职", "Dereliction"),
        _named("dispute", "交易纠纷", "Dispute about a deal"),
        _named("tech_fault", "技术故障", "Technical fault"),
        _named("design_construction", "设计/施工", "Design or construction"),
    ],
    sub_type_required=True,
    closing_zh="谢谢您将此事告知我们。",
    closing_en="Thank you for letting us know.",
)
"""CMP, 4.3: each subject goes to another department, so one is chosen; the closing words are TEL-21's."""

_REPAIR: Final = _form(
    _field(
        "text",
        "place",
        "报修地点/房号",
        "Place or room",
        help_zh="与客户档案不同时填写",
        help_en="Where it is not the customer's",
    ),
    _choice(
        "urgency",
        "紧急程度",
        "Urgency",
        ("normal", "一般", "Normal"),
        ("urgent", "紧急", "Urgent"),
        ("danger", "危险/困人", "Danger, somebody is shut in"),
    ),
    _field("date_time", "wanted_at", "预约上门时间", "Visit wanted at"),
    _choice(
        "warranty",
        "保修",
        "Warranty",
        ("inside", "保修期内", "In warranty"),
        ("outside", "保修期外", "Out of warranty"),
    ),
    _CONTACT,
    sub_types=[
        _named("water", "水", "Water"),
        _named("electricity", "电", "Electricity"),
        _named("elevator", "电梯", "Elevator"),
        _named("door_window", "门窗", "Doors, windows"),
        _named("appliance", "家电/设备", "Appliance"),
        _named("public_area", "公共区域", "Public area"),
        _named("other", "其他", "Other"),
    ],
)
"""CAT-30, CAT-31: whether it is in warranty decides who pays."""

CALL_FORMS: Final[dict[str, dict[str, Any]]] = {
    "enquiry": _form(
        _CALLER,
        _field("text", "from_place", "来自何地", "Where he is from"),
        _REASON,
        _choice(
            "heard_of_us",
            "得知渠道",
            "Heard of us by",
            ("network", "网络", "Internet"),
            ("advertisement", "广告", "Advertisement"),
            ("friend", "朋友介绍", "A friend"),
            ("store", "门店", "A store"),
            ("other", "其他", "Other"),
        ),
    ),
    "complaint": _COMPLAINT,
    "repair": _REPAIR,
    "help": _form(_PLACE, _CONTACT),
    "suggestion": _form(_CALLER, _field("yes_no", "reply_wanted", "需要答复", "Wants a reply"), _CONTACT),
    "incident": _form(_PLACE, _field("date_time", "happened_at", "发生时间", "When it happened")),
    "payment": _form(
        _field("money", "amount", "金额（元）", "Amount (CNY)"),
        _field("text", "period", "费用项目/期间", "Item, period"),
        _PLACE,
    ),
    "booking": _form(
        _WHEN,
        _field("text", "what", "预约/订购内容", "What is booked or ordered"),
        _field("number", "count", "数量/人数", "Number"),
        _CONTACT,
    ),
    "housekeeping": _form(_PLACE, _WHEN, _CONTACT),
    "special_service": _form(_PLACE, _WHEN, _CONTACT),
    "message": _form(
        _field("text", "for_whom", "转告给谁", "For whom", required=True),
        _CONTACT,
        _field("date_time", "reply_by", "希望何时回复", "Reply wanted by"),
    ),
    "usage_feedback": _form(_PRODUCT),
    "return_exchange": _form(
        _choice("wish", "要求", "Wish", ("return", "退货", "Return"), ("exchange", "换货", "Exchange"), required=True),
        _ORDER,
        _PRODUCT,
        _field("date", "bought_on", "购买日期", "Bought on"),
        _field("money", "paid", "金额（元）", "Amount (CNY)"),
        _field("text", "reason", "原因", "Reason"),
    ),
    "recall": _form(_PRODUCT, _field("text", "batch", "批次", "Batch"), _CONTACT),
    "renovation": _form(_PLACE, _field("date", "starts_on", "计划开工日期", "Starts on"), _CONTACT),
    "handover": _form(_PLACE, _WHEN),
    "case_report": _form(
        _field("text", "policy", "保单号", "Policy"),
        _field("date_time", "happened_at", "出险时间", "When it happened"),
        _PLACE,
    ),
    "store_advice": _form(_field("text", "store", "门店", "Store")),
    "new_customer": _form(
        _field("yes_no", "served_before", "是否来过/曾由他人接待", "Was served before", help_zh="先问客户是否来过"),
        _field("text", "served_by", "接待人", "Served by"),
        _field("text", "wants", "意向", "Looks for"),
        _field("money", "budget", "预算（元）", "Budget (CNY)"),
        _choice(
            "heard_of_us",
            "得知渠道",
            "Heard of us by",
            ("network", "网络", "Internet"),
            ("advertisement", "广告", "Advertisement"),
            ("friend", "朋友介绍", "A friend"),
            ("passing", "路过", "Passing by"),
            ("other", "其他", "Other"),
        ),
    ),
    "praise": _form(_field("text", "whom", "表扬对象", "Who is praised")),
}
"""Types without one here have a form without fields."""

WORDS: Final[dict[str, Any]] = {
    "company_zh": "",
    "company_en": "",
    "greeting_zh": "您好，这里是{company}，请问有什么可以帮您？",
    "greeting_en": "Good day, this is {company}. How can I help you?",
    "closing_zh": "谢谢您的来电，再见。",
    "closing_en": "Thank you for calling. Goodbye.",
    "queues": {},
}
"""TEL-07 to TEL-10 (greet, name the company), TEL-20 (thanks, goodbye). An empty company: the queue's name is said."""
