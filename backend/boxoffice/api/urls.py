"""The box office's addresses."""

from django.urls import path

from backend.boxoffice.api import views

urlpatterns = [
    path("showtimes", views.ShowtimesView.as_view()),
    path("showtimes/<str:showtime>/seat-map", views.SeatMapView.as_view()),
    path("orders", views.OrdersView.as_view()),
    path("orders/<str:order>", views.OrderView.as_view()),
    path("orders/<str:order>/pay", views.PayView.as_view()),
    path("orders/<str:order>/cancel", views.CancelView.as_view()),
]
