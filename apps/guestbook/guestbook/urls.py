"""Where everything is."""

from django.urls import path

from guestbook import views

urlpatterns = [path("", views.book), path("api/entries", views.entries), path("up", views.up)]
