"""The project's paths; billing under ``/api/`` as the README tells."""

from django.contrib import admin
from django.urls import include, path

from . import views

pages = [
    path("accounts/", include("django.contrib.auth.urls")),
    path("admin/", admin.site.urls),
    path("", views.home),
    path("billing", views.pricing),
    path("members", views.members),
    path("members/full", views.members_in_full),
    path("members/async", views.members_async),
    path("members/class", views.Members.as_view()),
    path("members/sso", views.sso),
    path("signals", views.signals_seen),
    *views.rest_paths,
]
urlpatterns = [path("api/", include("tenure_django.urls")), *pages]
