"""The addresses of the ticket screens, under `/till/`."""

from django.urls import path

from backend.screens.views import board, orders, sell, settings

app_name = "screens"
urlpatterns = [
    path("", board.board, name="board"),
    path("language", settings.language, name="language"),
    path("display", settings.display, name="display"),
    path("showtimes/<str:showtime_id>/", sell.sell, name="sell"),
    path("showtimes/<str:showtime_id>/seat-map", sell.seat_map, name="seat_map"),
    path("showtimes/<str:showtime_id>/panel", sell.panel, name="panel"),
    path("showtimes/<str:showtime_id>/hold", sell.hold, name="hold"),
    path("orders/", orders.orders, name="orders"),
    path("orders/<str:order_id>/", orders.order, name="order"),
    path("orders/<str:order_id>/sell", sell.sell_on, name="sell_on"),
    path("orders/<str:order_id>/panel", sell.order_panel, name="order_panel"),
    path("orders/<str:order_id>/pay", sell.pay, name="pay"),
    path("orders/<str:order_id>/pay-step", sell.pay_step, name="pay_step"),
    path("orders/<str:order_id>/cancel", sell.cancel, name="cancel"),
    path("orders/<str:order_id>/release", orders.release, name="release"),
    path("orders/<str:order_id>/tickets", orders.tickets, name="tickets"),
]
