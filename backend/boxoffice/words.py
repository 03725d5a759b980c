"""What the box office calls things: at the tills and in the back office."""

from django.utils.translation import gettext_lazy

METHODS = {
    "cash": gettext_lazy("Cash"),
    "card": gettext_lazy("Card"),
    "wechat": gettext_lazy("WeChat"),
    "alipay": gettext_lazy("Alipay"),
    "voucher": gettext_lazy("Voucher"),
}
