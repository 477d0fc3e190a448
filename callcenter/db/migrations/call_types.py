"""The call types of the handbooks (requirements 4.2): code, Chinese, English, direction.

They are what the first migration writes; later changes live in the table, and this list is not
read again.
"""

from typing import Final

CALL_TYPES: Final[tuple[tuple[str, str, str, str], ...]] = (
    ("enquiry", "咨询", "Enquiry", "in"),
    ("complaint", "投诉", "Complaint", "in"),
    ("repair", "报修", "Repair", "in"),
    ("help", "求助", "Help", "in"),
    ("suggestion", "建议/意见", "Suggestion", "in"),
    ("incident", "报事", "Incident", "in"),
    ("payment", "缴费", "Payment", "in"),
    ("booking", "预约/定货", "Booking or order", "in"),
    ("housekeeping", "家政", "Housekeeping", "in"),
    ("special_service", "特约服务", "Special service", "in"),
    ("message", "留言/转告", "Message", "in"),
    ("usage_feedback", "使用意见反馈", "Feedback on use", "in"),
    ("return_exchange", "退货换货", "Return or exchange", "in"),
    ("recall", "产品召回", "Product recall", "in"),
    ("renovation", "装修申请", "Renovation request", "in"),
    ("handover", "物业交付", "Handover of property", "in"),
    ("case_report", "报案", "Report of a claim", "in"),
    ("store_advice", "门店咨询", "Store advice", "in"),
    ("new_customer", "来电登记", "First call", "in"),
    ("praise", "表扬", "Praise", "in"),
    ("followup", "回访", "Follow-up", "out"),
    ("care", "问候关怀", "Greeting", "out"),
    ("promotion", "促销", "Promotion", "out"),
    ("member_info", "会员服务信息", "Member information", "out"),
    ("churn", "即将流失", "Leaving customer", "out"),
    ("key_account", "大客户", "Key account", "out"),
    ("invite", "邀约", "Invitation", "out"),
    ("sign_pay_notice", "通知签约交款", "Notice to sign and pay", "out"),
    ("dunning", "催缴/催款", "Payment reminder", "out"),
    ("ship_notice", "发货通知", "Notice of shipping", "out"),
    ("arrival_notice", "到货通知", "Notice of arrival", "out"),
    ("stock_report", "配货汇报", "Stock report", "out"),
    ("claim_paid_notice", "通知领款", "Notice of paid claim", "out"),
    ("install_arrange", "联系出货安装", "Arranging installation", "out"),
    ("appointment", "视频预约", "Video appointment", "out"),
    ("survey", "满意度调查", "Satisfaction survey", "out"),
    ("on_behalf", "其他部门委托回访", "Follow-up for another department", "out"),
)
