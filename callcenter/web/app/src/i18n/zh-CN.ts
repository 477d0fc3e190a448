/** Chinese texts; the shape every other language follows. */
export const zhCN = {
  app: { name: "客服热线", loading: "正在打开…", language: "语言", retry: "重试", loadMore: "加载更多", save: "保存", cancel: "取消", close: "关闭", edit: "修改", copy: "复制", copied: "已复制", none: "—", search: "搜索", back: "返回", all: "全部", yes: "是", no: "否", saved: "已保存", noMore: "没有更多了" },
  nav: { desk: "工作台", calls: "通话记录", customers: "客户", agents: "座席", signOut: "退出登录", skip: "跳到正文" },
  role: { agent: "座席", supervisor: "班长", administrator: "管理员" },
  signIn: {
    title: "登录", username: "用户名", password: "密码", submit: "登录", working: "正在登录…", show: "显示密码", hide: "隐藏密码",
    needUsername: "请填写用户名", needPassword: "请填写密码", sessionOver: "登录已过期，请重新登录。", capsLock: "大写锁定已打开",
    lead: "来电先有人接，接了就有记录。",
  },
  page: { notFound: "没有这个页面", notFoundText: "地址可能写错了，或页面已经移走。", forbidden: "您无权查看此页面", forbiddenText: "如确需使用，请联系管理员调整您的角色。", home: "回到首页" },
  banner: {
    away: "服务暂时不可用，电话照常可用", awayText: "来电仍可接听和挂断；记录先存在本机，恢复后再保存。正在自动重连。", awayDesk: "话机照常可接听；记录先存在本机，恢复后再保存。正在自动重连。",
    goDesk: "有来电，回到工作台", onCall: "通话中",
    newVersion: "页面有新版本，空闲时请刷新。",
  },
  state: { signed_out: "未上线", ready: "就绪", offered: "来电", ringing: "振铃", talking: "通话中", wrapup: "话后处理", paused: "暂停", held: "保持中", unknown: "未知" },
  reason: { break: "小休", meal: "用餐", meeting: "会议", training: "培训", other: "其他", missed: "未接来电", declined: "拒接来电", phone_failed: "话机故障" },
  desk: {
    goReady: "就绪，接听来电", ready: "就绪", pause: "暂停", signOff: "下线", finish: "完成", pauseAfter: "选择暂停原因",
    waiting: "排队等候", waitingNone: "无人等候", waitingUnit: "人",
    phone: "电话",
    line: { off: "未连接", connecting: "正在连接", online: "已连接", lost: "连接中断", refused: "被拒绝", stopped: "已停用" },
    lineHelp: {
      off: "正在准备。", connecting: "正在登记电话，通常不到两秒。", online: "来电时本机会响铃。", lost: "网络中断，正在自动重连；通话中的声音不受影响。",
      refused: "登记被拒绝，正在换新的密钥重试；超过一分钟请联系管理员。", stopped: "电话已在别处使用。",
    },
    deskPhoneOnline: "话机在线", deskPhoneOffline: "话机离线", deskPhoneHelp: "请检查桌上话机的网线与电源，屏幕应显示分机 {extension}。", deskPhoneOk: "来电时桌上的话机会响。",
    microphone: {
      title: "麦克风不可用", insecure: "本页不是安全地址，浏览器不开放麦克风。请用 https:// 开头的地址打开，或请管理员配置证书。",
      denied: "浏览器拒绝了麦克风。请点地址栏左侧的图标，把“麦克风”改为“允许”，然后再点“就绪”。",
      missing: "没有找到麦克风。请插好耳麦，然后再点“就绪”。", busy: "麦克风被别的程序占用。请关闭占用它的程序，然后再点“就绪”。",
      paused: "为免客户听不到您的声音，已暂停接听。", again: "再试一次",
    },
    idle: {
      ready: "等待下一个来电", readyText: "来电时，号码和客户资料会先显示在这里，随后响铃。", paused: "已暂停接听", pausedText: "准备好后点“就绪”，或按 {key}。",
      signed_out: "您还没有上线", signed_outText: "点“就绪”开始接听，浏览器会请您允许使用麦克风。", signed_outDesk: "点“就绪”开始接听，来电时桌上的话机会响。",
      today: "我今天的来电", count: "接听", talk: "通话时长", average: "平均通话", late: "超过两声", empty: "今天还没有来电。接到的每个来电都会列在这里。",
    },
    call: {
      incoming: "来电", ringing: "振铃中", deskRinging: "请拿起桌上的话机", talking: "通话中", held: "保持中", ended: "通话已结束", reconnecting: "正在接回通话…", waiting: "已等候",
      anonymous: "未显示号码", unknownNumber: "未知号码", rings: "第 {n} 声", ringsAfter: "响 {n} 声接听", ringsTotal: "响 {n} 声",
      apology: "请先致歉", apologyLine: "“您好，非常抱歉，让您久等了。”",
      customer: "客户", choose: "这个号码有 {n} 位客户，请选择", newCustomer: "新客户", newCustomerText: "这个号码还没有客户资料。", makeCustomer: "建立客户资料", openCustomer: "查看资料", vip: "VIP", callerName: "来电显示名",
      recent: "近期来电", recentNone: "此前没有来电记录。", fallback: "服务暂不可用时的来电：号码来自电话本身，客户资料稍后补上。", timer: "通话", holdTimer: "保持", mutedNow: "已静音，客户听不到您",
    },
    controls: { answer: "接听", mute: "静音", unmute: "取消静音", hold: "保持", resume: "恢复", keypad: "拨号键", hangup: "挂断", decline: "拒接", hangupHint: "请等客户先挂断", declineHint: "拒接后会暂停，请及时点就绪", deskPhone: "本座席使用桌上话机：接听、保持、挂断请在话机上操作。" },
    form: {
      title: "通话记录", type: "来电类型", typeSearch: "输入名称筛选，回车选定", typeNone: "没有符合的类型", notes: "通话内容", notesHint: "谁、什么事、在哪里、联系方式；结束前向客户复述一遍要点。",
      next: "下一步", save: "保存并就绪", saveOnly: "保存", saving: "正在保存…", needType: "请选择来电类型", draft: "草稿已存在本机", savedState: "已保存", needEnd: "通话结束后即可保存并就绪；现在保存也不会丢。",
      pending: "服务恢复后自动保存", skip: "跳过", skipHint: "不填记录，直接就绪", waitingForm: "来电时，这里是通话记录。",
    },
    keys: { title: "快捷键", ready: "就绪", answer: "接听", mute: "静音 / 取消静音", hold: "保持 / 恢复", keypad: "拨号键", hangup: "挂断 / 拒接", type: "选择来电类型", notes: "填写通话内容", save: "保存" },
    next: { none: "无需跟进", callback: "回电", transfer_department: "转交部门", refer_up: "请示上级", site_visit: "上门", follow_up: "回访" },
    summary: { title: "本次通话", hungUp: "先挂断", rings: "振铃", waiting: "等候", talking: "通话", holding: "保持" },
    hungUpBy: { caller: "客户", agent: "座席", system: "系统" },
    takenOver: { title: "您已在别处打开工作台", text: "同一时间只能有一个工作台接听。本页的电话已停用，避免两处同时响铃。", talking: "正在进行的通话仍在本页，结束后本页电话停用。", here: "在此处使用" },
    leaving: "通话还在进行，离开本页会中断声音。", reconnect: "这通电话还在线上", reconnectText: "页面刚刚重新打开，客户正在等候。", reconnectButton: "接回通话", noSignOut: "通话中不能退出。",
  },
  keys: { ctrlEnter: "Ctrl+Enter" },
  calls: {
    title: "通话记录", ringBacks: "待回电", ringBacksText: "没接到的来电，请回给客户。", ringBacksNone: "没有待回电，都处理完了。", when: "来电时间", number: "号码", customer: "客户", queue: "队列", status: "状态", rings: "声数", waiting: "等候", talking: "通话", hungUp: "先挂断", outcome: "类型", agent: "座席", waited: "等了", times: "次数", timesN: "{n} 次", markDone: "已回电", doneTitle: "登记回电结果", doneNote: "结果说明", doneHint: "例如：已联系上，周三上门；或：无人接听，稍后再拨。",
    done: "已登记", searchHint: "号码、客户或内容", anyStatus: "全部状态", anyAgent: "全部座席", today: "今天", yesterday: "昨天", week: "近 7 天", from: "开始日期", to: "结束日期", to2: "至", clear: "清除筛选", empty: "没有符合条件的通话", emptyText: "放宽日期或清除筛选再看看。", none: "还没有通话记录", noneText: "第一个来电结束后，会出现在这里。", fallback: "备用通道", anonymous: "未显示号码", count: "已显示 {n} 条",
    statuses: { waiting: "等候中", offered: "振铃中", talking: "通话中", abandoned: "客户放弃", answered: "已接听", failed: "失败" },
    drawer: { title: "通话详情", timeline: "经过", facts: "情况", bar: "时长分布", noEvents: "没有记录到事件。", place: "归属", called: "呼入号码", node: "节点", cause: "挂机代码", through: "通道", offers: "派给座席次数", callId: "通话编号", notes: "内容", next: "下一步" },
    segment: { waiting: "等候", ringing: "振铃", talking: "通话", holding: "保持", wrapup: "话后处理" },
    event: { arrived: "来电", identified: "识别号码", queued: "进入队列", music: "听音乐等候", offered: "派给座席", ringing: "座席话机振铃", answered: "接听", held: "保持", resumed: "恢复通话", ended: "结束", outcome: "填写记录", wrapped_up: "话后处理结束", missed: "座席未接", ledger: "话单核对", lost: "补记结束", reconnecting: "座席刷新页面，接回通话" },
    miss: { no_answer: "无人接听", declined: "拒接", unreachable: "话机离线", failed: "话机故障", caller_left: "客户已挂断", lease_ended: "没有回音" },
  },
  customers: {
    title: "客户", new: "新建客户", searchHint: "姓名、号码、单位或房号", name: "姓名", company: "公司或项目", unit: "单元或地址", numbers: "电话", vip: "VIP 客户", notes: "备注", language: "语言", languages: { zh: "中文", en: "英文", none: "未指定" }, label: "标签", labels: "如：手机、家里、单位", addNumber: "添加号码", removeNumber: "删除这个号码", empty: "没有符合的客户", emptyText: "换个关键词，或新建客户。", none: "还没有客户", noneText: "来电时可以直接建立客户资料。", hisCalls: "来电记录", noCalls: "还没有来电。", details: "资料", needName: "请填写姓名", needNumber: "请填写号码", updated: "更新于", unsaved: "有未保存的修改", place: "归属",
  },
  agents: {
    title: "座席", new: "新建人员", name: "姓名", username: "用户名", role: "角色", extension: "分机", phone: "话机", state: "状态", queues: "队列", browser: "浏览器电话", desk: "桌上话机", online: "在线", offline: "离线", disabled: "已停用", disable: "停用", enable: "启用", resetPassword: "重设密码", resetSip: "重设话机密钥", noPhone: "不接电话", extensionHint: "3 到 6 位数字", usernameHint: "小写字母、数字、点、横线",
    once: "只显示这一次", onceText: "关闭后无法再次查看，请现在交给本人。", password: "登录密码", sipUser: "SIP 用户名", sipPassword: "SIP 密码", sipServer: "SIP 服务器", disableAsk: "停用 {name}？停用后不能登录，也不再接到来电。", resetAsk: "重设 {name} 的密码？原密码立即失效。", resetSipAsk: "重设 {name} 的话机密钥？话机需用新密钥重新登记。", empty: "还没有人员", done: "知道了", needUsername: "请填写用户名", needName: "请填写姓名", needExtension: "分机应为 3 到 6 位数字", actions: "操作", onlyAdmin: "由管理员维护",
  },
  error: { title: "没有加载出来", unexpected: "操作没有成功，请重试。" },
};

export type Messages = typeof zhCN;
