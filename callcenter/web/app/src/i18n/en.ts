/** English texts. */
import type { Messages } from "./zh-CN";

export const en: Messages = {
  app: { name: "Hotline", loading: "Opening…", language: "Language", retry: "Try again", loadMore: "Load more", save: "Save", cancel: "Cancel", close: "Close", edit: "Edit", copy: "Copy", copied: "Copied", none: "—", search: "Search", back: "Back", all: "All", yes: "Yes", no: "No", saved: "Saved", noMore: "That is all" },
  nav: { desk: "Desk", calls: "Calls", customers: "Customers", agents: "Agents", signOut: "Sign out", skip: "Skip to content" },
  role: { agent: "Agent", supervisor: "Supervisor", administrator: "Administrator" },
  signIn: {
    title: "Sign in", username: "User name", password: "Password", submit: "Sign in", working: "Signing in…", show: "Show password", hide: "Hide password",
    needUsername: "Enter your user name", needPassword: "Enter your password", sessionOver: "Your session has ended. Please sign in again.", capsLock: "Caps Lock is on",
    lead: "Every call answered, every answer on record.",
  },
  page: { notFound: "There is no such page", notFoundText: "The address may be wrong, or the page has moved.", forbidden: "You may not see this page", forbiddenText: "If you need it, ask an administrator to change your role.", home: "Go to the start" },
  banner: {
    away: "Service away, your phone still works", awayText: "You can still answer and hang up. Notes are kept on this computer and saved when the service is back. Reconnecting.", awayDesk: "Your desk phone still works. Notes are kept on this computer and saved when the service is back. Reconnecting.",
    goDesk: "Incoming call: to the desk", onCall: "On a call",
    newVersion: "There is a new version of this page. Reload when you are free.",
  },
  state: { signed_out: "Off duty", ready: "Ready", offered: "Incoming", ringing: "Ringing", talking: "Talking", wrapup: "Wrap-up", paused: "Paused", held: "On hold", unknown: "Unknown" },
  reason: { break: "Break", meal: "Meal", meeting: "Meeting", training: "Training", other: "Other", missed: "Missed a call", declined: "Declined a call", phone_failed: "Phone failed" },
  desk: {
    goReady: "Ready for calls", ready: "Ready", pause: "Pause", signOff: "Off duty", finish: "Finish", pauseAfter: "Why are you pausing?",
    waiting: "Callers waiting", waitingNone: "No one waiting", waitingUnit: "",
    phone: "Phone",
    line: { off: "Not connected", connecting: "Connecting", online: "Connected", lost: "Connection lost", refused: "Refused", stopped: "Switched off" },
    lineHelp: {
      off: "Getting ready.", connecting: "Registering the phone; this takes a second or two.", online: "This computer rings when a call comes.", lost: "The network broke; reconnecting by itself. A call in progress keeps its sound.",
      refused: "The registration was refused; trying again with a new key. If it lasts over a minute, tell an administrator.", stopped: "The phone is in use somewhere else.",
    },
    deskPhoneOnline: "Desk phone online", deskPhoneOffline: "Desk phone offline", deskPhoneHelp: "Check the cable and power of the phone on your desk; its screen should show extension {extension}.", deskPhoneOk: "The phone on your desk rings when a call comes.",
    microphone: {
      title: "Microphone not available", insecure: "This page is not on a secure address, so the browser hides the microphone. Open it with https://, or ask an administrator to set up the certificate.",
      denied: "The browser refused the microphone. Click the icon left of the address, set Microphone to Allow, then press Ready again.",
      missing: "No microphone was found. Plug in your headset, then press Ready again.", busy: "Another program is using the microphone. Close it, then press Ready again.",
      paused: "You were paused, so that no caller meets silence.", again: "Try again",
    },
    idle: {
      ready: "Waiting for the next call", readyText: "The number and the customer appear here first; then your phone rings.", paused: "You are paused", pausedText: "Press Ready or {key} when you are back.",
      signed_out: "You are off duty", signed_outText: "Press Ready to take calls. The browser will ask for your microphone.", signed_outDesk: "Press Ready to take calls. The phone on your desk will ring.",
      today: "My calls today", count: "Answered", talk: "Talk time", average: "Average talk", late: "Over two rings", empty: "No calls yet today. Every call you take is listed here.",
    },
    call: {
      incoming: "Incoming call", ringing: "Ringing", deskRinging: "Pick up the phone on your desk", talking: "Talking", held: "On hold", ended: "Call ended", reconnecting: "Getting the call back…", waiting: "Waited",
      anonymous: "Number withheld", unknownNumber: "Unknown number", rings: "Ring {n}", ringsAfter: "Answered at ring {n}", ringsTotal: "{n} rings",
      apology: "Apologise first", apologyLine: "“Hello, I am so sorry to have kept you waiting.”",
      customer: "Customer", choose: "{n} customers share this number. Who is it?", newCustomer: "New customer", newCustomerText: "No customer has this number yet.", makeCustomer: "Add customer", openCustomer: "Open record", vip: "VIP", callerName: "Caller name shown",
      recent: "Recent calls", recentNone: "No earlier calls.", fallback: "Came while the service was away: the number is from the phone itself; the customer follows later.", timer: "Talking", holdTimer: "On hold", mutedNow: "Muted: the customer cannot hear you",
    },
    controls: { answer: "Answer", mute: "Mute", unmute: "Unmute", hold: "Hold", resume: "Resume", keypad: "Keypad", hangup: "Hang up", decline: "Decline", hangupHint: "Let the customer hang up first", declineHint: "Declining pauses you; press Ready again soon", deskPhone: "You use a desk phone: answer, hold and hang up on the phone itself." },
    form: {
      title: "Call record", type: "Call type", typeSearch: "Type to filter, Enter to choose", typeNone: "No such type", notes: "Notes", notesHint: "Who, what, where, how to reach them. Read the main points back before the end.",
      next: "Next step", save: "Save and be ready", saveOnly: "Save", saving: "Saving…", needType: "Choose a call type", draft: "Draft kept on this computer", savedState: "Saved", needEnd: "After the call, saving makes you ready. Saving now loses nothing.",
      pending: "Will be saved when the service is back", skip: "Skip", skipHint: "Be ready without a record", waitingForm: "The call record opens here when a call comes.",
    },
    keys: { title: "Keys", ready: "Ready", answer: "Answer", mute: "Mute / unmute", hold: "Hold / resume", keypad: "Keypad", hangup: "Hang up / decline", type: "Choose the call type", notes: "Write notes", save: "Save" },
    next: { none: "Nothing", callback: "Call back", transfer_department: "To a department", refer_up: "Refer upwards", site_visit: "Site visit", follow_up: "Follow-up call" },
    summary: { title: "This call", hungUp: "Hung up first", rings: "Rings", waiting: "Waited", talking: "Talked", holding: "On hold" },
    hungUpBy: { caller: "Customer", agent: "Agent", system: "System" },
    takenOver: { title: "Your desk is open somewhere else", text: "Only one desk can take calls at a time. The phone on this page is off, so that it does not ring in two places.", talking: "The call in progress stays on this page; its phone is switched off afterwards.", here: "Use here instead" },
    leaving: "A call is in progress. Leaving this page cuts its sound.", reconnect: "This call is still on the line", reconnectText: "The page was opened again and the customer is waiting.", reconnectButton: "Get the call back", noSignOut: "You cannot sign out during a call.",
  },
  keys: { ctrlEnter: "Ctrl+Enter" },
  calls: {
    title: "Calls", ringBacks: "To ring back", ringBacksText: "These callers gave up before we answered.", ringBacksNone: "No one to ring back.", when: "Time", number: "Number", customer: "Customer", queue: "Queue", status: "Status", rings: "Rings", waiting: "Waited", talking: "Talked", hungUp: "Hung up first", outcome: "Type", agent: "Agent", waited: "Waited", times: "Calls", timesN: "{n}×", markDone: "Rang back", doneTitle: "What came of it", doneNote: "Result", doneHint: "For example: reached, visit on Wednesday. Or: no answer, will try again.",
    done: "Noted", searchHint: "Number, customer or notes", anyStatus: "Any status", anyAgent: "Any agent", today: "Today", yesterday: "Yesterday", week: "Last 7 days", from: "From", to: "To", to2: "to", clear: "Clear filters", empty: "No calls match", emptyText: "Widen the dates or clear the filters.", none: "No calls yet", noneText: "The first call appears here when it ends.", fallback: "Fallback", anonymous: "Number withheld", count: "{n} shown",
    statuses: { waiting: "Waiting", offered: "Ringing", talking: "Talking", abandoned: "Gave up", answered: "Answered", failed: "Failed" },
    drawer: { title: "Call", timeline: "What happened", facts: "Facts", bar: "Where the time went", noEvents: "No events were recorded.", place: "Place", called: "Called number", node: "Node", cause: "Hang-up cause", through: "Handled by", offers: "Offers to agents", callId: "Call id", notes: "Notes", next: "Next step" },
    segment: { waiting: "Waiting", ringing: "Ringing", talking: "Talking", holding: "On hold", wrapup: "Wrap-up" },
    event: { arrived: "Call arrived", identified: "Number looked up", queued: "Queued", music: "Hears music", offered: "Offered to an agent", ringing: "Agent's phone rings", answered: "Answered", held: "Put on hold", resumed: "Resumed", ended: "Ended", outcome: "Record saved", wrapped_up: "Wrap-up over", missed: "Agent did not answer", ledger: "Checked with the ledger", lost: "End noted afterwards", reconnecting: "Page reloaded, getting the call back" },
    miss: { no_answer: "no answer", declined: "declined", unreachable: "phone offline", failed: "phone failed", caller_left: "caller left", lease_ended: "no word from the phone" },
  },
  customers: {
    title: "Customers", new: "New customer", searchHint: "Name, number, company or unit", name: "Name", company: "Company or project", unit: "Unit or address", numbers: "Numbers", vip: "VIP customer", notes: "Notes", language: "Language", languages: { zh: "Chinese", en: "English", none: "Not set" }, label: "Label", labels: "e.g. mobile, home, office", addNumber: "Add number", removeNumber: "Remove this number", empty: "No customers match", emptyText: "Try other words, or add the customer.", none: "No customers yet", noneText: "You can add one from a call.", hisCalls: "Calls", noCalls: "No calls yet.", details: "Details", needName: "Enter a name", needNumber: "Enter a number", updated: "Updated", unsaved: "Unsaved changes", place: "Place",
  },
  agents: {
    title: "Agents", new: "New person", name: "Name", username: "User name", role: "Role", extension: "Extension", phone: "Phone", state: "State", queues: "Queues", browser: "Browser phone", desk: "Desk phone", online: "online", offline: "offline", disabled: "Disabled", disable: "Disable", enable: "Enable", resetPassword: "Reset password", resetSip: "Reset phone key", noPhone: "Takes no calls", extensionHint: "3 to 6 digits", usernameHint: "Small letters, digits, dot, hyphen",
    once: "Shown only once", onceText: "It cannot be read again after closing. Hand it over now.", password: "Password", sipUser: "SIP user", sipPassword: "SIP password", sipServer: "SIP server", disableAsk: "Disable {name}? They can no longer sign in or get calls.", resetAsk: "Reset the password of {name}? The old one stops working at once.", resetSipAsk: "Reset the phone key of {name}? The phone must register again with the new one.", empty: "No one yet", done: "Done", needUsername: "Enter a user name", needName: "Enter a name", needExtension: "An extension has 3 to 6 digits", actions: "Actions", onlyAdmin: "Kept by administrators",
  },
  error: { title: "This could not be loaded", unexpected: "That did not work. Try again." },
};
