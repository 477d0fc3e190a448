"""What a new hotline begins with: the handbooks' own phrases, by the twelve categories of TEL-41.

They are what migration 0011 writes, as published articles; later changes live in the tables, and these lists are not
read again. **某某** stands where a department puts its own name. The last field names the handbooks' rules.
"""

from typing import Final, NamedTuple

CATEGORIES: Final[tuple[tuple[str, str, str], ...]] = (
    ("greeting", "问候语", "Greeting"),
    ("welcome", "欢迎语", "Welcome"),
    ("congratulation", "祝贺语", "Congratulation"),
    ("farewell", "告别语", "Farewell"),
    ("apology", "道歉语", "Apology"),
    ("thanks", "道谢语", "Thanks"),
    ("reply", "应答语", "Reply"),
    ("inquiry", "征询语", "Asking"),
    ("request", "请求语", "Request"),
    ("negotiation", "商量语", "Negotiation"),
    ("explanation", "解释语", "Explanation"),
    ("courtesy", "基本礼貌用语", "Basic courtesy"),
    ("answers", "常见问答", "Answers"),
)
"""The twelve of TEL-41 and TEL-12, and one for answers (TRN-06)."""


class Shipped(NamedTuple):
    """An article as it is shipped; keywords by spaces."""

    category: str
    title: str
    body: str
    keywords: str
    call_types: tuple[str, ...]
    source: str


SCRIPTS: Final[tuple[Shipped, ...]] = (
    Shipped(
        "greeting",
        "接听首句（公司）",
        "您好，**某某公司**。\n\n- 先问好，再报公司名称。\n- 微笑，声音自然清楚，语速适中。",
        "开头语 第一句 报名称",
        (),
        "TEL-07 TEL-14 TEL-15",
    ),
    Shipped("greeting", "接听首句（管理处）", "您好，这里是**某某管理处**。", "物业 开头语 第一句", (), "TEL-08"),
    Shipped(
        "greeting",
        "接听首句（投诉）",
        "您好，这里是**某某公司**，需要我为您服务吗？",
        "投诉 开头语 第一句",
        ("complaint",),
        "TEL-09",
    ),
    Shipped("greeting", "接听首句（服务中心）", "您好，**某某服务中心**。", "开头语 第一句", (), "TEL-10"),
    Shipped(
        "greeting",
        "外呼首句",
        "您好，我是**某某公司**客服中心的**（姓名）**，请问是**（客户姓名）**吗？\n\n"
        "1. 接通后先问候，再自我介绍。\n2. 用敬语说清要找谁、为什么事。\n3. 结束时说谢谢、再见。",
        "打电话 去电 自我介绍",
        ("followup", "care", "survey", "invite"),
        "OUT-01 OUT-02 OUT-03",
    ),
    Shipped(
        "welcome",
        "来电登记（首次来电）",
        "欢迎您致电，方便为您登记一下联系方式吗？以后您来电时，我们就能马上知道是您。",
        "新客户 登记 第一次",
        ("new_customer",),
        "TEL-37 TEL-42",
    ),
    Shipped(
        "congratulation",
        "生日祝福",
        "**（客户姓名）**您好，今天是您的生日，我代表**某某公司**祝您生日快乐！您的会员生日赠品可到门店领取。",
        "生日 会员 赠品",
        ("care",),
        "CAM-01 CAM-04 CAM-05",
    ),
    Shipped(
        "congratulation",
        "节日问候",
        "**（客户姓名）**您好，节日将至，祝您和家人节日快乐！",
        "节日",
        ("care",),
        "CAM-04",
    ),
    Shipped(
        "farewell",
        "结束语（咨询）",
        "谢谢您的来电，再见。\n\n- **等对方先挂断**，再轻轻挂断。",
        "再见 挂断 收尾",
        ("enquiry",),
        "TEL-18 TEL-20",
    ),
    Shipped(
        "farewell",
        "结束语（投诉）",
        "谢谢您将此事告知我们。\n\n- **等投诉人先挂断**，再轻轻挂断。",
        "再见 挂断 收尾 投诉",
        ("complaint",),
        "TEL-19 TEL-21",
    ),
    Shipped(
        "apology",
        "致歉（情绪激动的来电人）",
        "给您带来了不愉快，非常抱歉。请您慢慢说，我会记下每一点。\n\n"
        "1. 保持冷静和镇定，表示同情。\n2. 为对方的不愉快道歉。\n3. 听完再弄清事实，不打断。",
        "投诉 生气 激动 安抚",
        ("complaint",),
        "TEL-33 TEL-34 CMP-08",
    ),
    Shipped("apology", "久等致歉", "对不起，让您久等了。", "响铃 久等 排队 五声", (), "TEL-02"),
    Shipped(
        "apology",
        "办理差错致歉",
        "对不起，刚才是我办错了，我马上为您更正。",
        "差错 更正",
        (),
        "CMP-19",
    ),
    Shipped(
        "thanks",
        "感谢建议",
        "谢谢您的宝贵建议，我会转达给有关部门。",
        "建议 意见 表扬",
        ("suggestion", "praise"),
        "CAT-03",
    ),
    Shipped("thanks", "感谢告知（投诉）", "谢谢您将此事告知我们。", "投诉 告知", ("complaint",), "TEL-21"),
    Shipped(
        "reply",
        "答不上来时",
        "对不起，请您留下您的联系方式，我会给您一个回复。\n\n"
        "- **不说**“不知道”“不会”“不能”。\n- 记下电话、姓名和事项，并约定回复时间。",
        "不知道 不能 回复 留电话",
        (),
        "TEL-28",
    ),
    Shipped(
        "reply",
        "请稍等（请教同事或主管部门）",
        "请您稍等一下，我马上为您找负责这件事的同事。\n\n"
        "- 不能简单说“不知道”。\n- 保持通话后去请教，再把答复转达来电人。\n- 等候时间长时，先告诉来电人。",
        "稍等 保持 转接 请教",
        (),
        "TEL-24 TEL-30 TEL-31",
    ),
    Shipped(
        "reply",
        "需要帮助时",
        "我马上联系有关人员，他们会尽快赶到。",
        "求助 帮助 马上",
        ("help", "complaint", "incident"),
        "TEL-35",
    ),
    Shipped(
        "reply",
        "已转达有关部门",
        "您的要求我已经逐条记下，马上转达有关部门处理。",
        "报修 投诉 求助 转达",
        ("repair", "complaint", "help"),
        "TEL-36",
    ),
    Shipped(
        "reply",
        "转接前告知对方",
        "转给您的是**（客户姓名）**，来电事由是**（事项）**。\n\n- 转接时先把来电人姓名或大致事由告诉接手的人。",
        "转接 接手",
        (),
        "TEL-22",
    ),
    Shipped("inquiry", "询问来电人", "请问您是哪位？", "姓名 哪位", (), "TEL-27"),
    Shipped("inquiry", "询问电话号码", "能告诉我您的电话号码吗？", "电话 号码 联系方式", (), "TEL-27"),
    Shipped(
        "inquiry",
        "复述确认",
        "我跟您核对一下：\n\n- 您的电话是**……**\n"
        "- 您的姓名是**……**\n- 联系地址是**……**\n- 您说的事情是**……**\n\n请问对吗？",
        "复述 核对 确认 重复",
        (),
        "TEL-17 REC-02",
    ),
    Shipped(
        "inquiry",
        "没听清时",
        "对不起，刚才没有听清，请您再说一遍好吗？",
        "没听清 再说一遍",
        (),
        "TEL-33",
    ),
    Shipped(
        "inquiry",
        "回访满意度",
        "请问您对这次的处理结果满意吗？还有哪些地方需要我们改进？\n\n"
        "- 不满意的，逐条记下，转有关部门限期解决，解决后再回访。",
        "回访 满意 投诉处理",
        ("followup", "survey"),
        "FUP-04 FUP-14",
    ),
    Shipped(
        "inquiry",
        "维修后回访",
        "您好，您报修的**（事项）**已经处理完，请问现在使用正常吗？对维修人员的服务满意吗？",
        "回访 维修 报修",
        ("followup", "repair"),
        "FUP-09",
    ),
    Shipped(
        "inquiry",
        "安装后回访（2–3 天）",
        "您好，产品安装完成后使用还好吗？您对安装和制作满意吗？",
        "回访 安装",
        ("followup", "install_arrange"),
        "FUP-11",
    ),
    Shipped(
        "inquiry",
        "到货后回访（3–5 个工作日）",
        "您好，您收到的商品质量有没有问题？如有质量问题，我们及时为您调换。",
        "回访 质量 调换 退换",
        ("followup", "return_exchange"),
        "FUP-12",
    ),
    Shipped(
        "request", "请留言", "您要找的同事现在不在，请您留言，我会及时转告。", "留言 转告 不在", ("message",), "TEL-25"
    ),
    Shipped("request", "请稍候", "请您稍候，我马上为您查询。", "稍等 查询", (), "TEL-24"),
    Shipped(
        "negotiation",
        "商定上门时间",
        "请问您什么时间方便？我们**（日期、时间）**上门可以吗？",
        "上门 预约 时间",
        ("repair", "special_service", "housekeeping", "install_arrange"),
        "OUT-14 OUT-19",
    ),
    Shipped(
        "negotiation",
        "不能按时上门",
        "对不起，原定的时间我们赶不到，预计**（时间）**能到，您看可以吗？\n\n- 在约定时间**之前**告知，取得谅解。",
        "改期 延误 谅解",
        ("repair", "special_service"),
        "OUT-16",
    ),
    Shipped(
        "negotiation",
        "暂时不能解决",
        "您反映的事情因为**（原因）**还没有办完，预计**（时间）**完成，到时我再告诉您结果。",
        "延期 原因 进度",
        ("repair", "complaint"),
        "OUT-17",
    ),
    Shipped(
        "explanation",
        "不属于我方责任的投诉",
        "您的心情我理解。这件事按规定是这样的：**……**。虽然不在我们的职责之内，我们仍愿意尽力为您提供方便。",
        "无效投诉 解释 谅解",
        ("complaint",),
        "CMP-16",
    ),
    Shipped(
        "explanation",
        "超出权限的要求",
        "您的要求我已经记下，我需要请示上级领导，有了结果马上回复您。\n\n- **不随便承诺**。",
        "承诺 权限 请示",
        (),
        "TEL-29 TEL-38 ESC-04",
    ),
    Shipped(
        "courtesy",
        "礼貌用语十字",
        "**您好、请、谢谢、对不起、再见**\n\n"
        "- 称呼得当，不用“哎”“喂”。\n- 来有迎声、问有答声、走有送声。\n- 使用普通话。",
        "十字 三声服务 称呼",
        (),
        "TEL-12 TEL-13 TEL-40",
    ),
)

ANSWERS: Final[tuple[Shipped, ...]] = (
    Shipped(
        "answers",
        "投诉的处理步骤",
        "1. 耐心听完，记下来电人、电话、时间和事项。\n2. 当日转有关部门查明事实和责任人。\n"
        "3. 有关部门拟定解决方案，并主动联系客户。\n4. 客户满意后回访，再总结归档。",
        "投诉 流程 客诉",
        ("complaint",),
        "CMP-01 CMP-17",
    ),
    Shipped(
        "answers",
        "一次来电要记下什么",
        "- 来电人姓名、电话号码\n- 联系地址（单元、房号）\n- 来电事由，逐条记\n- 答复了什么、由谁跟进、什么时候回复\n\n"
        "登记准确，才能回访。",
        "登记 记录 要点",
        (),
        "TEL-36 TEL-37 REC-02",
    ),
    Shipped(
        "answers",
        "发货后告知客户",
        "货物发出后主动去电，告诉客户：\n\n- 货物已发\n- 大约几天到\n- 货单号",
        "发货 物流 单号",
        ("ship_notice", "booking"),
        "OUT-04",
    ),
)
