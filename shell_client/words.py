"""Every word that the shell itself shows, in both languages; Chinese is the default."""

from __future__ import annotations

from PyQt5.QtCore import QLocale

CHINESE, ENGLISH = "zh-hans", "en"

_WORDS: dict[str, tuple[str, str]] = {
    "app_name": ("星河影城\n售票系统", "Xinghe Cinemas\nBox office"),
    # Log-in window
    "login_title": ("上班登录", "Log in"),
    "registered": ("本机已登记：{till}", "This machine: {till}"),
    "phone": ("手机号", "Phone"),
    "phone_hint": ("输入手机号", "Phone number"),
    "machine_code": ("机器码", "Machine"),
    "activation_code": ("激活码", "Code"),
    "have_code": ("我有激活码", "I have a code"),
    "no_code": ("不用激活码", "No code"),
    "copy": ("复制", "Copy"),
    "copied": ("已复制", "Copied"),
    "switch_person": ("换人", "Clear"),
    "erase": ("退格", "Erase"),
    "log_in": ("登录", "Log in"),
    "logging_in": ("正在登录…", "Logging in…"),
    "waiting": ("等待批准…", "Waiting…"),
    "wait_seconds": ("{seconds} 秒后再试", "Try again in {seconds} s"),
    "server_ok": ("服务器正常", "Server is up"),
    "server_looking": ("正在连服务器…", "Connecting…"),
    "server_gone": ("连不上服务器", "No server"),
    "weekdays": ("周一 周二 周三 周四 周五 周六 周日", "Mon Tue Wed Thu Fri Sat Sun"),
    "date": ("{month}月{day}日 {weekday}", "{weekday} {day}/{month}"),
    "recent": ("最近登录", "Recent"),
    # Why a log-in did not go through: a bold line and what to do
    "refused": ("登录未通过", "Log-in refused"),
    "refused_do": ("请联系店长，报参考号 {reference}", "Call a manager with reference {reference}"),
    "refused_do_plain": ("请联系店长", "Call a manager"),
    "pending": ("等待店长批准，批准后自动登录", "Waiting for a manager's approval"),
    "pending_do": ("请把参考号 {reference} 告诉店长", "Give the manager reference {reference}"),
    "too_many": ("尝试太多", "Too many attempts"),
    "too_many_do": ("请 {seconds} 秒后再试", "Try again in {seconds} s"),
    "too_many_do_reference": (
        "请 {seconds} 秒后再试，或报参考号 {reference}",
        "Try again in {seconds} s, or call a manager: {reference}",
    ),
    "too_many_over": ("现在可以再试", "You may try again now"),
    "no_server": ("连不上服务器，正在重试（第 {tries} 次）", "No server, retrying ({tries})"),
    "no_server_do": ("请检查网线，恢复后自动登录", "Check the network; log-in goes on by itself"),
    "no_server_stopped": ("连不上服务器", "No server"),
    "no_server_stopped_do": ("检查网线后，再按“登录”", "Check the network, then press Log in"),
    "clock": ("本机时间差 {minutes} 分钟，已按服务器时间工作", "Clock {minutes} min off; using server time"),
    "clock_wrong": ("本机时间和服务器对不上", "This clock and the server's disagree"),
    "clock_wrong_do": ("请校准本机时间后再登录", "Set this machine's clock, then log in"),
    "too_old": ("客户端版本太旧，请更新", "This version is too old; please update"),
    "too_old_do": ("最低版本 {minimum}，本机 {version}", "Needs {minimum}, this is {version}"),
    "too_old_do_plain": ("本机版本 {version}", "This is version {version}"),
    "device_bound": ("此账号已绑定另一台机器", "This account is bound to another machine"),
    "device_bound_do": (
        "请店长先解绑，参考号 {reference}",
        "Ask a manager to unbind it, reference {reference}",
    ),
    "device_bound_do_plain": ("请店长先解绑", "Ask a manager to unbind it"),
    "bad_phone": ("手机号不对", "This is not a phone number"),
    "bad_phone_do": ("请输入 11 位手机号", "Enter 11 digits, or + and the country code"),
    "failed": ("登录没有完成（{code}）", "Log-in did not finish ({code})"),
    "failed_do": ("请再试，或报参考号 {reference}", "Try again, or report reference {reference}"),
    "failed_do_plain": ("请再试", "Try again"),
    "no_key": ("读不到本机密钥，不能登录", "This machine's key cannot be read"),
    "no_key_do": ("请联系店长，处理后按“重试”。\n{reason}", "Call a manager, then press Try again.\n{reason}"),
    "try_again": ("重试", "Try again"),
    "no_engine": ("售票页面打不开，不能登录", "The ticket screens cannot open"),
    "no_engine_do": (
        "缺少网页组件，请重新安装客户端。\n{reason}",
        "The web engine is missing; install this program again.\n{reason}",
    ),
    "fell": ("上次没有正常关闭", "The program did not end in order"),
    "fell_do": ("数据没有丢失，可以照常登录", "Nothing is lost; log in as usual"),
    "fell_order_do": (
        "登录后打开最后一单：先看是否已付款、已出票",
        "See the last order first: paid? printed?",
    ),
    "disk_full": ("磁盘快满了（只剩 {megabytes} MB）", "The disk is nearly full ({megabytes} MB left)"),
    "disk_full_do": ("可以照常卖票，请联系技术人员清理", "Go on selling; have support free some space"),
    # A page of its own, before there is a log-in
    "crash": ("上次程序意外关闭", "The program crashed last time"),
    "crash_do": (
        "订单和座位在服务器上，没有丢失，可以继续登录。若再次发生，请把支持文件交给技术人员。",
        "Nothing is lost; go on and log in. If it happens again, give the support file to support.",
    ),
    "cannot_start": ("程序不能启动", "The program cannot start"),
    "cannot_start_do": (
        "设置有错。请把下面这一行告诉技术人员，改好后重新打开。",
        "A setting is wrong. Give the line below to support, and start again once it is mended.",
    ),
    "hung_do": (
        "本程序已经打开，但没有回应。请在任务管理器里结束它，或重启电脑。",
        "This program is running already and does not answer. End it in the task manager, or restart the machine.",
    ),
    "go_on": ("继续", "Go on"),
    "quit": ("退出", "Quit"),
    "menu_support": ("存支持文件", "Save support file"),
    "support_saved": ("支持文件已存到：\n{path}", "The support file is at\n{path}"),
    "support_failed": ("支持文件没有存下：{reason}", "The support file was not saved: {reason}"),
    # Main window
    "menu_log_out": ("退出登录", "Log out"),
    "menu_reload": ("重新载入", "Reload"),
    "menu_full_screen": ("全屏", "Full screen"),
    "opening": ("正在打开售票页面…", "Opening the ticket screens…"),
    "strip_offline": ("连不上服务器，正在重试（第 {tries} 次）", "No server, retrying ({tries})"),
    "strip_expired": ("登录已过期，请重新登录", "Your log-in has expired; please log in again"),
    "log_in_again": ("重新登录", "Log in again"),
    "retry_now": ("现在重试", "Retry now"),
    "offline": ("连不上服务器", "No connection to the server"),
    "offline_do": (
        "请检查网线。恢复后会自动回到刚才的页面，已锁的座位不会因此丢失。",
        "Check the network cable. The same page comes back by itself; held seats are kept until they lapse.",
    ),
    "offline_next": ("{seconds} 秒后自动重试", "Next try in {seconds} s"),
    "offline_trying": ("正在重试…", "Trying…"),
    "print_no_printer": ("没有找到打印机，票没打出。", "No printer was found; the tickets were not printed."),
    "print_no_such_printer": (
        "没有找到打印机“{printer}”，票没打出。",
        'The printer "{printer}" was not found; the tickets were not printed.',
    ),
    "print_failed": ("打印失败，票可能没有打全。", "Printing failed; tickets may be missing."),
    "print_busy": ("上一次打印还没结束，这次没打。", "The last print is still running; this one was not made."),
    "print_kept": ("订单已保存，可在“订单”里重新打印。", "The sale is kept; print it again from Orders."),
    "file_saved": ("文件已存到 {path}", "Saved as {path}"),
    "file_not_saved": (
        "文件没有保存：只能下载 PDF、CSV 和 Excel",
        "Not saved: only PDF, CSV and Excel can be downloaded",
    ),
    "understood": ("知道了", "OK"),
    "crashed": ("页面多次出错，已停止", "The page failed several times"),
    "crashed_do": (
        "订单和座位在服务器上，没有丢失。请重新打开；还不行就重新登录。",
        "Orders and seats are on the server; nothing is lost. Open it again, or log in again.",
    ),
    "open_again": ("重新打开", "Open again"),
    "foreign": ("服务器给的地址不对，已拒绝打开", "The server's address is wrong and was refused"),
    "foreign_do": (
        "请联系技术人员：核对服务器的 PUBLIC_ORIGIN 和本机的 api_base_url。",
        "Call support: the server's PUBLIC_ORIGIN and this machine's api_base_url differ.",
    ),
    "not_opened": ("售票页面没有打开（{code}）", "The ticket screens did not open ({code})"),
    "not_opened_do": ("请重试；还不行就联系店长。", "Retry; if that does not help, call a manager."),
    "ended": ("您已被退出登录", "You have been logged out"),
    "ended_sale": (
        "没付款的订单还保留到锁座到期，重新登录后可以继续收款。",
        "An unpaid order is kept until its hold lapses; log in again to go on with it.",
    ),
    "ended_sale_of_others": (
        "没付款的订单还保留到锁座到期，在本机接着登录的人，或值班经理，可以继续收款。",
        "An unpaid order is kept for its time: the next person on this machine, or a supervisor, can go on with it.",
    ),
    "back_to_login": ("回到登录", "Back to log-in"),
    # Why a session ended, by the server's reason
    "why_logged_out": ("此账号已退出登录。", "This account has logged out."),
    "why_logged_in_elsewhere": ("此账号在别处重新登录了。", "This account has logged in again elsewhere."),
    "why_disabled": ("店长停用了此账号。", "A manager disabled this account."),
    "why_unbound": ("店长解除了此账号与本机的绑定。", "A manager unbound this account from this machine."),
    "why_changed": ("店长更改了您的岗位或影院。", "A manager changed your role or cinemas."),
    "why_revoked": ("店长结束了这次登录。", "A manager ended this session."),
    "why_restored": ("系统刚从备份恢复，请重新登录。", "The service was restored from a backup; log in again."),
    "why_refresh_reused": (
        "登录凭证被重复使用，为安全已停止。",
        "A log-in token was used twice; stopped to be safe.",
    ),
    "why_idle": ("太久没有操作。", "Nobody worked here for too long."),
    "why_expired": ("本次登录已到时限。", "The session's time is over."),
    "why_unknown": ("服务器不认得这次登录。", "The server does not know this session."),
    "do_call": ("如有疑问请联系店长，然后重新登录。", "Ask a manager about it, then log in again."),
    "do_log_in": ("请重新登录。", "Please log in again."),
}


class Words:
    """The words in one language: `words("refused_do", reference="K7Q-42M")`."""

    def __init__(self, language: str) -> None:
        self.language = language
        self._column = 0 if language == CHINESE else 1

    def __call__(self, key: str, **values: object) -> str:
        """Return the words for `key` with `values` filled in."""
        return _WORDS[key][self._column].format(**values)

    def sentences(self, *each: str) -> str:
        """Return sentences as one text: only English has a space between them."""
        return ("" if self.language == CHINESE else " ").join(each)

    def has(self, key: str) -> bool:
        """Tell whether there are words for `key`."""
        return key in _WORDS


def choose_language(configured: str | None) -> str:
    """Return the configured language, else the system's where it is English, else Chinese."""
    if configured is not None:
        return configured
    return ENGLISH if QLocale.system().name().startswith("en") else CHINESE
